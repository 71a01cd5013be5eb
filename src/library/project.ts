import type { BuildEvent } from "../events/schema.ts";
import type { JsonObject } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";
import type { JobLine, PlanLine, PlanTotalLine, StatusTotalLine } from "../report/result-schema.ts";
import type { Manifest } from "../tasks/manifest.ts";

/*
 * dsgen as a library: what its commands do, as functions. Each call reads the project anew, as a command does, and only a
 * build holds the cache's lock, for as long as it runs. Loaded when a project is opened: targets import this package too.
 */

/** Where a project is, and what every call on it is made with. */
export interface ProjectOptions {
  /** A folder in the project; the current one by default. */
  readonly cwd?: string;
  readonly configDir?: string;
  readonly cacheDir?: string;
  readonly provider?: "auto" | "openai" | "simulator";
  /** Config values for these calls, as `--set` takes them: `refusal.target_scenarios=50`. */
  readonly set?: readonly string[];
  /** The environment: the provider's key and address, `CI`. That of the process by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface BuildOptions {
  /** Stay until the provider has answered everything. */
  readonly wait?: boolean;
  /** Refuse to send what might cost more US dollars. */
  readonly maxCost?: number;
  /** Seconds between two looks at the provider. */
  readonly poll?: number;
  /** Ends the build as Ctrl-C does: jobs at the provider go on, and the next build picks them up. */
  readonly signal?: AbortSignal;
}

export interface Plan {
  readonly targets: readonly PlanLine[];
  readonly total: PlanTotalLine;
  /** Why a build would fail or be refused. */
  readonly problems: readonly Problem[];
}

export interface Status {
  readonly jobs: readonly JobLine[];
  readonly total: StatusTotalLine;
}

/** A project's config, store and provider, ready to be asked. */
export interface OpenProject {
  readonly root: string;
  /** What a build of these targets (by default the dataset) would make, send and pay. Does none of it. */
  plan(targets?: readonly string[]): Promise<Plan>;
  /** Makes targets, telling what happens; the last event is `build-finished`. Leaving the loop ends the build. */
  build(targets?: readonly string[], options?: BuildOptions): AsyncGenerator<BuildEvent, void>;
  /** Looks at the provider once and lists the batch jobs. */
  status(): Promise<Status>;
  /** The rows of a dataset (by default that of the first default task), one at a time. */
  readDataset(target?: string): AsyncGenerator<JsonObject, void>;
  /** The manifest of a dataset, whole. */
  readManifest(target?: string): Promise<Manifest>;
}

/** What a person can mend: everything that was found wrong. */
export class ProjectError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ where, message }) => `${where}: ${message}`).join("\n"));
    this.name = "ProjectError";
    this.problems = problems;
  }
}
