import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Problem } from "../graph/problem.ts";
import { problemOfErrno } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { TOKENIZER_FILES, tokenizerPlace } from "./source.ts";

/** A loaded tokenizer. */
export interface Encoder {
  readonly name: string;
  /**
   * The ids of a text, with no special tokens added. A special token written out in the text (`<|im_end|>`) gets its own
   * id, as the library does. The text must be well-formed UTF-16: the encoders of this world disagree on lone surrogates.
   */
  encode(text: string): readonly number[];
}

/** What is needed to load an encoder in any thread. `hash` tells two contents of one folder apart. */
export interface EncoderSpec {
  readonly name: string;
  readonly folder: string;
  readonly hash: string;
}

const loaded = new Map<string, Promise<Result<Encoder, Problem>>>();

/**
 * Loads a tokenizer with AutoTokenizer, from its folder alone and never from the network; once per process (or thread),
 * whoever asks. Errors: a file missing, unreadable, or not a tokenizer's.
 */
export function loadEncoder(spec: EncoderSpec): Promise<Result<Encoder, Problem>> {
  const key = JSON.stringify([spec.folder, spec.hash]);
  const known = loaded.get(key);
  const loading = known ?? load(spec);
  if (known === undefined) {
    loaded.set(key, loading);
    // A failure is not kept: the person may mend the file and ask again.
    void loading.then((result) => result.ok || loaded.delete(key));
  }
  return loading.then((result) => (result.ok ? ok({ ...result.value, name: spec.name }) : result));
}

async function load(spec: EncoderSpec): Promise<Result<Encoder, Problem>> {
  const where = `${tokenizerPlace(spec.name)} (${spec.folder})`;
  // AutoTokenizer answers a missing or broken file with "reading 'tokenizer_class'" or a bare SyntaxError.
  for (const file of TOKENIZER_FILES) {
    const problem = await inspectFile(join(spec.folder, file), file, where);
    if (problem !== undefined) return err(problem);
  }
  const { AutoTokenizer, env } = await import("@huggingface/transformers");
  env.allowRemoteModels = false;
  env.localModelPath = spec.folder;
  env.useFSCache = false;
  try {
    const tokenizer = await AutoTokenizer.from_pretrained(spec.folder, { local_files_only: true });
    const encode = (text: string): readonly number[] => tokenizer.encode(text, { add_special_tokens: false });
    const ids = encode("a");
    if (!Array.isArray(ids) || !ids.every((id) => Number.isInteger(id))) {
      return err(unusable(where, "it has no ids for the letter a"));
    }
    return ok({ name: spec.name, encode });
  } catch (error) {
    return err(unusable(where, error instanceof Error ? error.message : String(error)));
  }
}

/** A first look at a file: readable, not empty, the beginning of a JSON object. */
async function inspectFile(path: string, file: string, where: string): Promise<Problem | undefined> {
  let head: string;
  try {
    const handle = await open(path, "r");
    try {
      const buffer = Buffer.alloc(64);
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
      head = buffer
        .toString("utf8", 0, bytesRead)
        .replace(/^\uFEFF/, "")
        .trimStart();
    } finally {
      await handle.close();
    }
  } catch (error) {
    const known = problemOfErrno(error, path);
    if (known !== undefined) return known;
    return {
      kind: "tokenizer",
      where,
      message: `${file} is not there.`,
      fix: "Point the tokenizer's source at the folder that holds it.",
    };
  }
  if (head.startsWith("{")) return undefined;
  if (head.startsWith("version https://git-lfs")) {
    return {
      kind: "tokenizer",
      where,
      message: `${file} is a Git LFS pointer, not the file itself.`,
      fix: "Run git lfs pull where it came from.",
    };
  }
  const found = head === "" ? "nothing" : JSON.stringify(head.slice(0, 20));
  return {
    kind: "tokenizer",
    where,
    message: `${file} must be a JSON object, but begins with ${found}.`,
    fix: "Fetch it again.",
  };
}

function unusable(where: string, reason: string): Problem {
  return {
    kind: "tokenizer",
    where,
    message: `AutoTokenizer cannot load these files: ${reason.replace(/\.$/, "")}.`,
    fix: "Both files must be whole and belong to one tokenizer; fetch them again.",
  };
}
