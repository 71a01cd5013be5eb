/*
 * HTML that is right by construction: whatever is put into a template is text, unless it is Html already.
 */

export class Html {
  readonly text: string;

  /** @param text is written as it is: for what was made here, or by a program that escapes */
  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Html | readonly Html[];

/** A template: parts that are not Html are escaped, for elements and for attributes in double quotes alike. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(String.raw({ raw: strings }, ...parts.map(written)));
}

export const NOTHING = new Html("");

function written(part: Part): string {
  if (part instanceof Html) return part.text;
  if (typeof part === "object") return part.map(({ text }) => text).join("");
  return escaped(String(part));
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A value as the text of a JSON script element: nothing in it can end the element, or a line of it. */
export function jsonInHtml(value: unknown): Html {
  const text = JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return new Html(text);
}
