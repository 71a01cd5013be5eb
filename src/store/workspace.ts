import { existsSync, readFileSync } from "node:fs";
import type { ContentIndex, Placement, Workspace } from "../engine/ports.ts";
import type { TargetName } from "../graph/names.ts";
import { openContent } from "./content.ts";
import { ifThere, naming, replaceFile } from "./durable.ts";
import { type StorePaths, shown } from "./layout.ts";
import { decodeWorkspace, encodeWorkspace, type FileRecord, NOTHING, type Saved } from "./workspace-file.ts";

/**
 * What lies in the project, as this project last put it there, and what its files hold: `v1/workspace.bin`, read when
 * either is first asked for. A damaged or unknown file is a warning and an empty start: it is derived data. `flush` throws
 * a ProblemError when it cannot be written, and does nothing where no cache was ever initialised, so that reading
 * commands leave no trace.
 */
export function openWorkspace(
  paths: StorePaths,
  warn: (message: string) => void,
): { readonly workspace: Workspace; readonly content: ContentIndex } {
  const where = shown(paths, paths.workspace);
  let loaded: Saved | undefined;
  const files = new Map<string, FileRecord>();
  const placements = new Map<TargetName, Placement | null>();
  let dirty = false;

  function saved(): Saved {
    loaded ??= load();
    return loaded;
  }

  function load(): Saved {
    const bytes = naming(where, () => ifThere(() => readFileSync(paths.workspace)));
    const found = bytes === undefined ? NOTHING : decodeWorkspace(bytes);
    if (typeof found !== "string") return found;
    warn(`${where}: ${found}; every file will be read once.`);
    return NOTHING;
  }

  // Who decides about a target asks, and again when that is acted upon.
  let last: { readonly target: TargetName; readonly placement: Placement | undefined } | undefined;

  function placement(target: TargetName): Placement | undefined {
    if (last?.target !== target) {
      const changed = placements.get(target);
      const placement = changed === undefined ? saved().placements.get(target) : (changed ?? undefined);
      last = { target, placement };
    }
    return last.placement;
  }

  const fileRecord = (path: string): FileRecord | undefined => files.get(path) ?? saved().files.get(path);

  function put(target: TargetName, value: Placement | null): void {
    placements.set(target, value);
    last = undefined;
    dirty = true;
  }

  return {
    workspace: {
      placement,
      targets: () => {
        const names = new Set([...saved().placements.names, ...placements.keys()]);
        return [...names].filter((target) => placements.get(target) !== null);
      },
      place: put,
      forget: (target) => put(target, null),
      async flush() {
        if (!dirty || !existsSync(paths.version)) return;
        const chunks = encodeWorkspace(saved(), files, placements);
        naming(where, () => replaceFile(paths.workspace, paths.tmp, chunks, "workspace.flush"));
        dirty = false;
      },
    },
    content: openContent(paths.projectRoot, {
      get: fileRecord,
      saved: (path) => (files.has(path) ? undefined : saved().files.look(path)),
      set(path, record) {
        files.set(path, record);
        dirty = true;
      },
    }),
  };
}
