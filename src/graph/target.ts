import type { JsonObject, JsonValue } from "./json.ts";
import type { RecipeRef, TargetName } from "./names.ts";

/** All a target may see. The record key under which an input is declared is the name its recipe reads it by. */
export type Input =
  | { readonly kind: "file"; readonly path: string }
  /** Files by pattern (fast-glob syntax), from the project root, in path order; no match is an empty list. */
  | { readonly kind: "glob"; readonly patterns: readonly string[] }
  /** A config value. `at` says where a person edits it (`tasks/refusal.model`); only the value is hashed. */
  | { readonly kind: "value"; readonly value: JsonValue; readonly at: string }
  /** A variable of the environment that dsgen runs in, under its own name; the recipe reads it from `process.env`. */
  | { readonly kind: "env"; readonly name: string }
  /** A tool's fingerprint, and at run time its handle. */
  | { readonly kind: "tool"; readonly tool: ToolRef }
  /** Code of the project's own that the recipe calls: its default export, identified as a recipe is. */
  | { readonly kind: "module"; readonly module: RecipeRef }
  | { readonly kind: "target"; readonly target: TargetName }
  | { readonly kind: "targets"; readonly targets: readonly TargetName[] }
  /**
   * Targets chosen, among `candidates`, from what built targets hold: see `Expansion`. The recipe reads the chosen ones
   * as a list of files. Inputs of one target that have the same module and `params` are one expansion, asked once; each takes
   * the part of its answer that it names. `takes`: those of the candidates that are ever in that part, for people who look at
   * the graph; all, where it is absent.
   */
  | {
      readonly kind: "expand";
      readonly module: RecipeRef;
      readonly params: JsonObject;
      readonly candidates: readonly TargetName[];
      readonly part?: string;
      readonly takes?: readonly TargetName[];
    };

export interface ToolRef {
  /** What kind of tool, in the words of whoever opens it. */
  readonly kind: string;
  readonly name: string;
}

/**
 * What an action asks of the machine that makes it (processors, memory, time), in the words of whoever runs it elsewhere. In no
 * key: where something is made never shows in it.
 */
export type Resources = JsonObject;

/** Limits how many actions of a kind run at once. */
export type PoolName = "cpu" | "io";

/** The stages a person thinks in; progress is shown per stage. A user's own targets may name another. */
export type StageName = string;

/**
 * A named artifact and how it is made. `outputs[0]` is its name; one action may make several files, and each can be named.
 * `gate` says that the action may run only when something from outside has come: the answers to its requests.
 */
export interface Target {
  readonly name: TargetName;
  readonly outputs: readonly TargetName[];
  readonly recipe: RecipeRef;
  readonly inputs: Readonly<Record<string, Input>>;
  readonly pool: PoolName;
  readonly stage: StageName;
  /** The task it belongs to, or undefined for a user's own. */
  readonly task?: string;
  readonly gate?: AnswersGate;
  /** Made whenever this one is asked for by name: a dataset's manifest. */
  readonly companions?: readonly TargetName[];
  /** `plan` may run the recipe in a scratch folder, because later decisions hang on its bytes and it is cheap and free. */
  readonly evaluateInPlan?: boolean;
  /** Worth a machine of its own, where the build has others: it may be made elsewhere, with these. */
  readonly resources?: Resources;
}

/** The action needs every request in `requests` (a target that holds one a line) answered. */
export interface AnswersGate {
  readonly kind: "answers";
  readonly requests: TargetName;
}

/**
 * A view of state that lives outside the graph (the remote jobs): written out on every build, never cached, and no other
 * target may depend on it.
 */
export interface LiveTarget {
  readonly name: TargetName;
  /** Which, in the words of whoever writes it. */
  readonly view: string;
  readonly task: string;
  readonly stage: StageName;
  /** The request files it speaks of; building it builds them and submits what is unanswered, without waiting. */
  readonly requests: readonly TargetName[];
}

/** What an expansion module answers, given the targets built so far. */
export type Expansion =
  /**
   * The inputs are settled; nothing else is needed. `note` goes into the trace (why it stopped here). One list, or one for each
   * part that inputs name.
   */
  | {
      readonly state: "final";
      readonly targets: readonly TargetName[] | Readonly<Record<string, readonly TargetName[]>>;
      readonly note: JsonObject;
    }
  /** Not settled: these targets are wanted too. An open answer that wants nothing unbuilt is a bug in the module. */
  | { readonly state: "open"; readonly want: readonly TargetName[]; readonly note: JsonObject };

export interface ExpansionContext {
  readonly params: JsonObject;
  /** The bytes of a built target, or undefined while it is not built. */
  read(target: TargetName): Promise<Uint8Array | undefined>;
  /** Whether a target is built, without reading it. */
  has(target: TargetName): boolean;
  /**
   * What the module made of built targets when it was asked before in this invocation: they have not changed since. `start`
   * makes it the first time.
   */
  kept<T>(start: () => T): T;
}

/** The default export of an expansion module: a pure function of `params` and of the built targets it reads. */
export type ExpansionModule = (context: ExpansionContext) => Promise<Expansion>;
