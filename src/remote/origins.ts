import { readOutputLine } from "../api/output-line.ts";
import type { ActionManifest, BlobStore, Trace } from "../engine/ports.ts";
import { isOwnRecipe, type RecipeRef } from "../graph/names.ts";

/*
 * What a result has in it. It has in it what it was made from, so it is as private as the most private of that; and where nobody
 * knows what made an input, nobody knows it of the result either.
 */

/** A result of this cache, and what it was made from. */
export interface OwnResult {
  readonly trace: Trace;
  readonly manifest: ActionManifest;
}

/**
 * `files`: what the project's own files and values say; `answers`: answers that were paid for as well; `closed`: what must not
 * leave, for it was made up, may be a secret (a variable of the environment), or is of unknown origin.
 */
export type Origin = "files" | "answers" | "closed";

const ORDER: readonly Origin[] = ["files", "answers", "closed"];

/** Tells the origin of each of these results; what made an input is looked for among them. */
export function originsOf(
  results: readonly OwnResult[],
  blobs: Pick<BlobStore, "read">,
): (one: OwnResult) => Promise<Origin> {
  const producers = new Map<string, OwnResult>();
  for (const one of results) for (const { digest } of one.trace.outputs) producers.set(digest, one);
  const known = new Map<OwnResult, Promise<Origin>>();

  const originOf = (one: OwnResult): Promise<Origin> => {
    const before = known.get(one);
    if (before !== undefined) return before;
    // Files that came out the same may name each other in a circle: until it is known better, that is of unknown origin.
    known.set(one, Promise.resolve("closed"));
    const origin = worstOf(one);
    known.set(one, origin);
    return origin;
  };

  async function worstOf(one: OwnResult): Promise<Origin> {
    let worst: Origin = "files";
    for (const { kind, hash } of Object.values(one.manifest.inputs).flat()) {
      const origin = await originOfInput(kind, hash, one);
      if (ORDER.indexOf(origin) > ORDER.indexOf(worst)) worst = origin;
    }
    return worst;
  }

  function originOfInput(kind: string, hash: string, one: OwnResult): Origin | Promise<Origin> {
    if (kind === "env") return "closed";
    if (kind === "gate") return answersIn(one, blobs);
    if (kind !== "target") return "files";
    const producer = producers.get(hash);
    return producer === undefined ? "closed" : originOf(producer);
  }

  return originOf;
}

/** A file of answers as they were received says itself whether they were made up; what a recipe of the project's own made of them may not. */
async function answersIn({ manifest, trace }: OwnResult, blobs: Pick<BlobStore, "read">): Promise<Origin> {
  const [file] = trace.outputs;
  if (file === undefined || !isOwnRecipe(manifest.recipe.ref as RecipeRef)) return "closed";
  const content = await blobs.read(file.digest);
  if (!content.ok) return "closed";
  for (const raw of Buffer.from(content.value).toString("utf8").split("\n")) {
    const line = raw === "" ? undefined : readOutputLine(raw, (custom) => custom);
    if (line?.kind === "answer" && line.answer.simulated) return "closed";
  }
  return "answers";
}
