import type { GraphFormat } from "../report/graph.ts";
import type { ColorChoice } from "../report/style.ts";

/** A command line, read: one member a command. */
export type Invocation =
  | ({ readonly command: "build"; readonly targets: readonly string[] } & BuildFlags)
  | {
      readonly command: "plan";
      readonly targets: readonly string[];
      readonly retryRefused: boolean;
      readonly realtime: boolean;
      readonly limit?: number;
      readonly maxCostUsd?: number;
    }
  | { readonly command: "status" }
  | { readonly command: "explain"; readonly target: string }
  | { readonly command: "graph"; readonly targets: readonly string[]; readonly format: GraphFormat }
  | {
      readonly command: "validate";
      readonly file: string;
      readonly showFailures: boolean;
      readonly tokenizers?: readonly string[];
    }
  | { readonly command: "inspect"; readonly file: string; readonly limit: number; readonly full: boolean }
  | ({ readonly command: "simulate" } & SimulateFlags)
  | ({ readonly command: "clean" } & CleanFlags)
  | { readonly command: "cost" }
  /** Job ids, batch ids or request files; none means every open job. */
  | { readonly command: "cancel"; readonly jobs: readonly string[]; readonly yes: boolean }
  /** A job id or batch id to forget instead. */
  | { readonly command: "recover"; readonly forget?: string }
  | {
      readonly command: "import";
      readonly folder?: string;
      readonly inputs: readonly string[];
      readonly outputs: readonly string[];
      /** Another namespace of this cache, whose answers are to count as the present one's. */
      readonly fromNamespace?: string;
    }
  | { readonly command: "gc"; readonly includePaid: boolean; readonly yes: boolean; readonly dryRun: boolean }
  | { readonly command: "fsck"; readonly repair: boolean };

export type CommandName = Invocation["command"];
export type InvocationOf<Name extends CommandName> = Extract<Invocation, { command: Name }>;

export interface BuildFlags {
  readonly wait: boolean;
  readonly keepGoing: boolean;
  readonly dryRun: boolean;
  /** Asks one call at a time instead of in batch jobs. */
  readonly realtime: boolean;
  /** With `realtime`: the most requests to ask. */
  readonly limit?: number;
  /** Makes what can be made of the answers that are there, and asks for none. */
  readonly partial: boolean;
  /** Asks again, once, for what the provider has refused. */
  readonly retryRefused: boolean;
  /** Sends without asking a person at a terminal. */
  readonly yes: boolean;
  /** Ends batches that are under way and not needed any more. */
  readonly cancelSurplus: boolean;
  /** Makes what is free twice, and compares. */
  readonly checkDeterminism: boolean;
  readonly pollSeconds?: number;
  readonly jobs?: number;
  readonly maxCostUsd?: number;
  readonly lockTimeoutSeconds?: number;
}

export interface SimulateFlags {
  readonly port: number;
  readonly seed: number;
  readonly stateDir?: string;
  readonly faults: readonly string[];
  /** Simulated seconds per second. */
  readonly speed: number;
}

export interface CleanFlags {
  readonly dryRun: boolean;
  /** Only files whose target is no more. */
  readonly orphans: boolean;
  readonly cache: boolean;
  readonly includePaid: boolean;
  /** Deletes paid answers without asking. */
  readonly yes: boolean;
}

/** The options that every command takes. */
export interface CommonFlags {
  readonly task?: string;
  readonly provider?: "auto" | "openai" | "simulator";
  readonly set: readonly string[];
  readonly configDir?: string;
  readonly cacheDir?: string;
  /** Takes the lock of a holder that cannot be seen to live. */
  readonly breakLock?: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: ColorChoice;
}
