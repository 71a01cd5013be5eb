import type { SharedResults } from "../engine/ports.ts";
import type { Emit } from "../events/schema.ts";
import type { Allowance } from "../remote/allowance.ts";
import type { OwnResult } from "../remote/origins.ts";
import { sharedResults } from "../remote/shared-results.ts";
import type { Ignored } from "../remote/trusted.ts";
import type { Store } from "../store/store.ts";
import { type RemoteConfig, sharedCaches } from "./remote-caches.ts";
import { ignoredText } from "./remote-pull.ts";

interface Surroundings {
  readonly config: RemoteConfig;
  readonly projectRoot: string;
  readonly env: NodeJS.ProcessEnv;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly allowance: Allowance;
  /** Caches that failed already, by label; those that fail here are added. */
  readonly failed: Set<string>;
}

/** What others made and share, as a build and a plan ask for it. One that fails costs a warning. */
export function resultsOfOthers({ config, projectRoot, env, emit, ...of }: Surroundings): SharedResults {
  const { project, trust } = config;
  const sources = sharedCaches(config, projectRoot, env).map(({ remote }) => ({ remote, project, trust }));
  const notice = (message: string) => emit({ type: "notice", level: "warning", code: "remote", message });
  const told = new Set<string>();
  return sharedResults({
    sources,
    ...of,
    hasFailed: (label) => of.failed.has(label),
    failed: (label, failure) => {
      of.failed.add(label);
      notice(`the shared cache ${label}: ${failure.message}; the build goes on without it`);
    },
    ignored: (label, ignored: Ignored) => {
      const text = ignoredText(ignored);
      if (text === "" || told.has(`${label} ${text}`)) return;
      told.add(`${label} ${text}`);
      notice(`${label}: ${text}`);
    },
  });
}

/** The results that lie in the project now. */
export function* ownResults({ workspace, actions }: Store): Generator<OwnResult> {
  const seen = new Set<string>();
  for (const target of workspace.targets()) {
    const key = workspace.placement(target)?.key;
    if (key === undefined || seen.has(key)) continue;
    seen.add(key);
    const [trace, manifest] = [actions.trace(key), actions.manifest(key)];
    if (trace !== undefined && manifest !== undefined) yield { trace, manifest };
  }
}
