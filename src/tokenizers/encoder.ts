import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { Problem } from "../graph/problem.ts";
import { problemOfErrno } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { type Compilation, type Compiled, compileTokenizer } from "./compiled.ts";
import { CompiledEncoder, IdBuffer } from "./compiled-encoder.ts";
import { CompiledComparer } from "./compiled-judge.ts";
import { type Comparer, plainComparer } from "./pair-rule.ts";
import { TOKENIZER_FILES, tokenizerPlace } from "./source.ts";
import { readTables, type TablesPlace, writeTables } from "./tables-file.ts";
import { readJson } from "./tokenizer-json.ts";
import type { Variant } from "./variant.ts";

/** A loaded tokenizer. */
export interface Encoder {
  readonly name: string;
  /**
   * The ids of a text, with no special tokens added. A special token written out in the text (`<|im_end|>`) gets its own
   * id, as the library does. The text must be well-formed UTF-16: the encoders of this world disagree on lone surrogates.
   */
  encode(text: string): readonly number[];
  /** The same by tables, for tokenizers that have them. */
  readonly compiled?: CompiledEncoder;
}

/** The last comparer of each, which remembers what it has counted: portions of one shard ask for the same. */
const comparers = new WeakMap<CompiledEncoder, { readonly key: string; readonly comparer: Comparer }>();

/** What compares pairs with this tokenizer, as fast as it can. */
export function comparerOf(
  { encode, compiled }: Pick<Encoder, "encode" | "compiled">,
  variants: readonly Variant[],
): Comparer {
  if (compiled === undefined) return plainComparer({ encode }, variants);
  const key = JSON.stringify(variants);
  const known = comparers.get(compiled);
  if (known?.key === key) return known.comparer;
  const comparer = new CompiledComparer(compiled, variants);
  comparers.set(compiled, { key, comparer });
  return comparer;
}

/** What is needed to load an encoder in any thread. `hash` tells two contents of one folder apart. */
export interface EncoderSpec {
  readonly name: string;
  readonly folder: string;
  readonly hash: string;
  /** Where its tables are kept, if they are. */
  readonly tables?: TablesPlace;
}

const loaded = new Map<string, Promise<Result<Encoder, Problem>>>();
/** Tables made in this process: another cache is given the same. */
const made = new Map<string, Compiled>();

function keyOf({ folder, hash }: EncoderSpec): string {
  return JSON.stringify([folder, hash]);
}

/**
 * Loads a tokenizer from its folder alone and never from the network; once per process (or thread), whoever asks. It is run
 * by tables where it can be compiled, and else by AutoTokenizer. Errors: a file missing, unreadable, or not a tokenizer's.
 */
export function loadEncoder(spec: EncoderSpec): Promise<Result<Encoder, Problem>> {
  const key = keyOf(spec);
  const known = loaded.get(key);
  const loading = known ?? load(spec);
  if (known === undefined) {
    loaded.set(key, loading);
    // A failure is not kept: the person may mend the file and ask again.
    void loading.then((result) => result.ok || loaded.delete(key));
  }
  return loading.then((result) => (result.ok ? ok({ ...result.value, name: spec.name }) : result));
}

/** Loads several. Errors: the first that cannot be loaded. */
export async function loadEncoders(specs: readonly EncoderSpec[]): Promise<Result<readonly Encoder[], Problem>> {
  const encoders: Encoder[] = [];
  for (const spec of specs) {
    const encoder = await loadEncoder(spec);
    if (!encoder.ok) return encoder;
    encoders.push(encoder.value);
  }
  return ok(encoders);
}

async function load(spec: EncoderSpec): Promise<Result<Encoder, Problem>> {
  const where = `${tokenizerPlace(spec.name)} (${spec.folder})`;
  // AutoTokenizer answers a missing or broken file with "reading 'tokenizer_class'" or a bare SyntaxError.
  for (const file of TOKENIZER_FILES) {
    const problem = inspectFile(join(spec.folder, file), file, where);
    if (problem !== undefined) return err(problem);
  }
  const compiled = compiledFrom(spec);
  if (compiled !== undefined) {
    const encoder = new CompiledEncoder(compiled);
    const into = new IdBuffer();
    const encode = (text: string): readonly number[] => {
      into.length = 0;
      encoder.encode(text, into);
      return into.list();
    };
    return ok({ name: spec.name, encode, compiled: encoder });
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

/** Puts a tokenizer's tables where they are kept, unless they are there: before threads all begin to make them. */
export function keepTables(spec: EncoderSpec): void {
  if (spec.tables?.writable === true && !existsSync(spec.tables.path)) compiledFrom(spec);
}

/** The tables that are kept, or made now; undefined for a tokenizer that has none, or whose files are not whole. */
function compiledFrom(spec: EncoderSpec): Compiled | undefined {
  const kept = spec.tables === undefined ? undefined : readTables(spec.tables.path);
  if (kept !== undefined) return kept;
  const key = keyOf(spec);
  const compiled = made.get(key) ?? compile(spec.folder);
  if (compiled === undefined) return undefined;
  made.set(key, compiled);
  if (spec.tables?.writable === true) writeTables(spec.tables.path, compiled);
  return compiled;
}

function compile(folder: string): Compiled | undefined {
  const compilation = compilationOf(folder);
  return compilation.ok ? compilation.compiled : undefined;
}

/** The tokenizer in a folder as tables, or why it is run by the library instead. */
export function compilationOf(folder: string): Compilation {
  const [tokenizer, config] = TOKENIZER_FILES.map((file) => readJson(join(folder, file)));
  if (tokenizer === undefined || config === undefined) return { ok: false, why: "a file of it is no JSON object" };
  return compileTokenizer(tokenizer, config);
}

/** A first look at a file: readable, not empty, the beginning of a JSON object. */
function inspectFile(path: string, file: string, where: string): Problem | undefined {
  const wrong = (message: string, fix: string): Problem => ({ kind: "tokenizer", where, message, fix });
  let head: string;
  try {
    head = headOf(path)
      .replace(/^\uFEFF/, "")
      .trimStart();
  } catch (error) {
    const fix = "Point the tokenizer's source at the folder that holds it.";
    return problemOfErrno(error, path) ?? wrong(`${file} is not there.`, fix);
  }
  if (head.startsWith("{")) return undefined;
  if (head.startsWith("version https://git-lfs")) {
    return wrong(`${file} is a Git LFS pointer, not the file itself.`, "Run git lfs pull where it came from.");
  }
  const found = head === "" ? "nothing" : JSON.stringify(head.slice(0, 20));
  return wrong(`${file} must be a JSON object, but begins with ${found}.`, "Fetch it again.");
}

function headOf(path: string): string {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(64);
    return head.toString("utf8", 0, readSync(file, head));
  } finally {
    closeSync(file);
  }
}

function unusable(where: string, reason: string): Problem {
  return {
    kind: "tokenizer",
    where,
    message: `AutoTokenizer cannot load these files: ${reason.replace(/\.$/, "")}.`,
    fix: "Both files must be whole and belong to one tokenizer; fetch them again.",
  };
}
