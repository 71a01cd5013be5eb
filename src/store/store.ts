import type { ContentIndex, Journal, Workspace } from "../engine/ports.ts";
import type { Problem } from "../graph/problem.ts";
import { ok, type Result } from "../graph/result.ts";
import { type Actions, openActions } from "./actions.ts";
import { type Cas, openCas } from "./cas.ts";
import { openJournal } from "./journal.ts";
import { checkLayout, type StorePaths, storePaths } from "./layout.ts";
import { namespacesOf, openResponses, type ResponseIndex } from "./responses.ts";
import { openWorkspace } from "./workspace.ts";

/** A project's cache: what the engine's ports ask for, over plain files. */
export interface Store {
  readonly paths: StorePaths;
  /** Whether it was opened by the holder of the lock. */
  readonly writable: boolean;
  readonly blobs: Cas;
  readonly actions: Actions;
  readonly content: ContentIndex;
  readonly workspace: Workspace;
  readonly journal: Journal;
  /** The responses of one provider namespace; one index a namespace, however often it is asked for. */
  responses(namespace: string): ResponseIndex;
  /** Every namespace that has answers here. */
  namespaces(): readonly string[];
  /** What was found wrong and could be worked around, so far: files are read when they are first needed. */
  readonly warnings: readonly string[];
  /** Closes the files kept open for reading. */
  close(): void;
}

/**
 * Opens the cache in `cacheDir` for the project at `projectRoot`. Cheap, whatever the cache holds, and writes nothing:
 * a writer takes the lock (`acquireLock`) and calls `initialiseStore` first, a reader does neither.
 * Problems: `version` for a cache of another dsgen; `io`, `permission` when it cannot be read.
 */
export function openStore(place: {
  readonly cacheDir: string;
  readonly projectRoot: string;
  readonly writable?: boolean;
}): Result<Store, Problem> {
  const paths = storePaths(place.cacheDir, place.projectRoot);
  const warnings: string[] = [];
  const warn = (message: string): void => {
    if (!warnings.includes(message)) warnings.push(message);
  };
  const layout = checkLayout(paths, warn);
  if (!layout.ok) return layout;
  const blobs = openCas(paths);
  const { workspace, content } = openWorkspace(paths, warn);
  const indexes = new Map<string, ResponseIndex>();
  return ok({
    paths,
    writable: place.writable ?? false,
    blobs,
    actions: openActions(paths, warn),
    content,
    workspace,
    journal: openJournal(paths, warn),
    responses(namespace) {
      const known = indexes.get(namespace);
      if (known !== undefined) return known;
      const index = openResponses(paths, blobs, namespace, warn);
      indexes.set(namespace, index);
      return index;
    },
    namespaces: () => namespacesOf(paths),
    warnings,
    close: () => blobs.close(),
  });
}
