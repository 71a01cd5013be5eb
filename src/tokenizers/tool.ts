import { tool } from "../graph/declare.ts";
import type { Input } from "../graph/target.ts";

/** A tokenizer of the project as an input: what decides its ids is hashed, and the recipe gets its handle. */
export function tokenizer(of: string): Input {
  return tool("tokenizer", of);
}
