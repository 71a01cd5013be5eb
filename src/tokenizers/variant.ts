/** A template around a text. */
export interface Variant {
  readonly name: string;
  readonly prefix: string;
  readonly suffix: string;
}

/** The text a model sees: the template around one member, with its full stop. */
export function textOf(variant: Variant, text: string): string {
  return `${variant.prefix}${text}.${variant.suffix}`;
}
