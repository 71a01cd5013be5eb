import { join } from "node:path";
import type { TokenizerConfig } from "../config/project-config.ts";
import type { ContentIndex, Tools } from "../engine/ports.ts";
import { nearestName } from "../graph/graph.ts";
import { type Problem, ProblemError, problemOfErrno } from "../graph/problem.ts";
import { err, type Result } from "../graph/result.ts";
import type { ToolRef } from "../graph/target.ts";
import type { EncoderSpec } from "./encoder.ts";
import {
  type EncoderVersions,
  encoderVersions,
  fingerprintTokenizer,
  type TokenizerFingerprint,
} from "./fingerprint.ts";
import { type HubSettings, hubSettings } from "./hub-cache.ts";
import { unprovenParts } from "./proven.ts";
import { badHubSource, resolveTokenizer } from "./resolve.ts";
import { type TokenizerFolder, tokenizerPlace } from "./source.ts";

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

  /** The tokenizer's files on this machine. Errors: unknown name, and all that `resolveTokenizer` reports. */
  locate(name: string): Result<TokenizerFolder, Problem> {
    const declared = this.#declared.get(name);
    if (declared === undefined) return err(this.#unknown(name));
    try {
      return resolveTokenizer(name, declared.source, { projectRoot: this.#projectRoot, hub: this.#hub });
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
