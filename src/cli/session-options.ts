import type { Ask } from "../engine/gate.ts";
import type { Problem } from "../graph/problem.ts";

/** What the common options, a command's own and the environment say of one invocation. */
export interface GlobalOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly task?: string;
  readonly provider?: "auto" | "openai" | "simulator";
  readonly set: readonly string[];
  readonly configDir?: string;
  readonly cacheDir?: string;
  readonly breakLock?: boolean;
  readonly jobs?: number;
  readonly maxCostUsd?: number;
  readonly lockTimeoutSeconds?: number;
  readonly pollSeconds?: number;
  readonly keepGoing?: boolean;
  readonly wait?: boolean;
  /** Datasets are made of what is there, under names of their own. */
  readonly partial?: boolean;
  /** With no key, and none ever used here: real answers all the same, without calling out (import). */
  readonly realWithoutKey?: boolean;
  readonly realtime?: boolean;
  /** Asks again for what the provider has refused. */
  readonly retryRefused?: boolean;
  /** The most requests a real-time build asks. */
  readonly limit?: number;
  /** Told what is about to be asked, before any of it is sent; a problem that it answers is why nothing is. */
  readonly beforeSending?: (asks: readonly Ask[], signal: AbortSignal) => Promise<Problem | undefined>;
  /** What the lock's holder is called in messages: `dsgen build`. */
  readonly command?: string;
}
