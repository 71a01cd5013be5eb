import type { Compiled } from "./compiled.ts";
import type { Encoder } from "./encoder.ts";
import { compareIds } from "./pair-rule.ts";

/** What each id of a tokenizer stands for in a text; undefined for a tokenizer that is not run by tables. */
export function tokenTexts(encoder: Encoder): ((id: number) => string) | undefined {
  const bytesOf = tokenBytes(encoder);
  return bytesOf === undefined ? undefined : (id) => textOf(bytesOf(id));
}

/** The same as bytes: a token may be half a character. */
export function tokenBytes({ compiled }: Encoder): ((id: number) => Uint8Array) | undefined {
  return compiled === undefined ? undefined : bytesById(compiled.tables);
}

/** A token of a text. */
export interface Token {
  readonly id: number;
  /** Null for a tokenizer that is not run by tables. */
  readonly text: string | null;
  /** Where it begins in the text, in bytes of UTF-8; null unless the tokens' bytes one after another are the text's. */
  readonly start: number | null;
}

/** Reads texts as tokens. A text is not one that is refused (pair-rule.ts). */
export function tokenReader(encoder: Encoder): (text: string) => readonly Token[] {
  const bytesOf = tokenBytes(encoder);
  return (text) => {
    const ids = encoder.encode(text);
    if (bytesOf === undefined) return ids.map((id) => ({ id, text: null, start: null }));
    const bytes = ids.map(bytesOf);
    const joined = Buffer.concat(bytes);
    // Some tokenizers put a blank of their own before a text.
    const added = [0, 1].find((more) => joined.equals(Buffer.from(" ".repeat(more) + text)));
    let end = -(added ?? 0);
    return bytes.map((own, at) => {
      const start = added === undefined ? null : Math.max(0, end);
      end += own.length;
      return { id: ids[at] ?? 0, text: textOf(own), start };
    });
  };
}

/** The positions at which two texts' tokens differ; null where there are not equally many. */
export function differingTokens(first: readonly Token[], second: readonly Token[]): readonly number[] | null {
  const ids = (tokens: readonly Token[]) => tokens.map(({ id }) => id);
  return compareIds(ids(first), ids(second)).different;
}

/** The bytes of a token as text; what is no whole character is written as bytes: `<e2 98>`. */
function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return `<${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ")}>`;
  }
}

/** An id is a byte, a character, a text of its own, or what two others merge to. */
function bytesById({ shape, bytes, characters, added, whole, merges, merged }: Compiled): (id: number) => Uint8Array {
  const encoder = new TextEncoder();
  const known = new Map<number, Uint8Array>([...bytes].map((id, byte) => [id, Uint8Array.of(byte)]));
  for (let at = 0; at < characters.length; at += 2) {
    const character = String.fromCodePoint(characters[at] ?? 0);
    const shown = shape.kind === "spaced" && character === "▁" ? " " : character;
    known.set(characters[at + 1] ?? 0, encoder.encode(shown));
  }
  for (const [text, id] of [...whole, ...added]) known.set(id, encoder.encode(text));
  const parents = new Map<number, readonly [left: number, right: number]>();
  for (let at = 0; at < merges.length; at += 3) {
    const [left = -1, right = -1, rank = -1] = merges.subarray(at, at + 3);
    if (left >= 0) parents.set(merged[rank] ?? -1, [left, right]);
  }
  const find = (id: number): Uint8Array => {
    const found = known.get(id);
    if (found !== undefined) return found;
    const [left, right] = parents.get(id) ?? [];
    if (left === undefined || right === undefined) return encoder.encode(`#${id}`);
    const joined = Buffer.concat([find(left), find(right)]);
    known.set(id, joined);
    return joined;
  };
  return find;
}
