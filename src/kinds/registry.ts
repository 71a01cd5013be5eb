import { embeddings } from "./embeddings.ts";
import type { Kind } from "./kind.ts";
import { pairs } from "./pairs.ts";
import { records } from "./records.ts";

/** Every kind of task; there is no other list of them. */
export const KINDS: readonly Kind[] = [pairs, records, embeddings];

/** The kind of a checked task. */
export function kindOf({ kind: name }: { readonly kind: string }): Kind {
  const found = KINDS.find((kind) => kind.name === name);
  if (found === undefined) throw new Error(`an unchecked kind of task: ${name}`);
  return found;
}
