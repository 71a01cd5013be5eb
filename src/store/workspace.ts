import { existsSync, readFileSync } from "node:fs";
import type { ContentIndex, Placement, Workspace } from "../engine/ports.ts";
import type { ActionKey } from "../graph/digest.ts";
import type { TargetName } from "../graph/names.ts";
import type { TraceShelf } from "./actions.ts";
import { openContent } from "./content.ts";
import { codeOf, replaceFile, throwAsProblem } from "./durable.ts";
import { type FileRecord, type FileTable, noFiles, readFileTable, writeFileTable } from "./file-table.ts";
import { type StorePaths, shown } from "./layout.ts";
import {
  noPlacements,
  noTraces,
  type PlacementTable,
  readPlacementTable,
  readTraceTable,
  type TraceTable,
  writePlacementTable,
  writeTraceTable,
} from "./placement-table.ts";
import { decodeSections, encodeSections } from "./workspace-file.ts";

/** A trace larger than this is read from its own file: it would slow down every start for one target's sake. */
const MAX_SHELVED = 16 * 1024;

/** The three things kept in `v1/workspace.bin`, which is read when the first of them is asked for. */
export interface WorkspaceFile {
  readonly workspace: Workspace;
  readonly content: ContentIndex;
  readonly shelf: TraceShelf;
}

interface Saved {
  readonly files: FileTable;
  readonly placements: PlacementTable;
  readonly traces: TraceTable;
}

const nothing: Saved = { files: noFiles, placements: noPlacements, traces: noTraces };

/**
 * What lies in the project, as this project last put it there. A damaged or unknown file is a warning and an empty
 * start: it is derived data. `flush` throws a ProblemError when it cannot be written, and does nothing where no cache
 * was ever initialised, so that reading commands leave no trace.
 */
export function openWorkspace(paths: StorePaths, warn: (message: string) => void): WorkspaceFile {
  let loaded: Saved | undefined;
  const files = new Map<string, FileRecord>();
  const placements = new Map<TargetName, Placement | null>();
  const traces = new Map<ActionKey, string | null>();
  let dirty = false;
  let offered = false;

  const saved = (): Saved => {
    loaded ??= load();
    return loaded;
  };

  function load(): Saved {
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(paths.workspace);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return nothing;
      return throwAsProblem(error, shown(paths, paths.workspace));
    }
    const decoded = decodeSections(bytes);
    if (decoded.state === "unusable") {
      warn(`${shown(paths, paths.workspace)}: ${decoded.why}; every file will be read once.`);
      return nothing;
    }
    return {
      files: readFileTable(decoded.sections),
      placements: readPlacementTable(decoded.sections),
      traces: readTraceTable(decoded.sections),
    };
  }

  function placement(target: TargetName): Placement | undefined {
    const changed = placements.get(target);
    return changed === undefined ? saved().placements.get(target) : (changed ?? undefined);
  }

  function traceText(key: ActionKey): string | undefined {
    const changed = traces.get(key);
    return changed === undefined ? saved().traces.get(key) : (changed ?? undefined);
  }

  function allFiles(): ReadonlyMap<string, FileRecord> {
    const all = new Map<string, FileRecord>();
    for (const path of saved().files.paths) {
      const record = files.get(path) ?? saved().files.get(path);
      if (record !== undefined) all.set(path, record);
    }
    for (const [path, record] of files) all.set(path, record);
    return all;
  }

  function allPlacements(): ReadonlyMap<TargetName, Placement> {
    const all = new Map<TargetName, Placement>();
    for (const target of new Set([...saved().placements.targets, ...placements.keys()])) {
      const found = placement(target);
      if (found !== undefined) all.set(target, found);
    }
    return all;
  }

  /** Only the traces of what lies in the project: the rest of the action cache stays in its own files. */
  function placedTraces(all: ReadonlyMap<TargetName, Placement>): ReadonlyMap<ActionKey, string> {
    const kept = new Map<ActionKey, string>();
    for (const { key } of all.values()) {
      const text = traceText(key);
      if (text !== undefined) kept.set(key, text);
    }
    return kept;
  }

  /** True when a copy was offered that the saved file lacks and would keep. */
  function offersMatter(all: ReadonlyMap<TargetName, Placement>): boolean {
    if (!offered) return false;
    for (const { key } of all.values()) if (typeof traces.get(key) === "string") return true;
    return false;
  }

  return {
    workspace: {
      placement,
      targets: () => [...allPlacements().keys()],
      place(target, value) {
        placements.set(target, value);
        dirty = true;
      },
      forget(target) {
        placements.set(target, null);
        dirty = true;
      },
      async flush() {
        if (!(dirty || offered) || !existsSync(paths.version)) return;
        const all = allPlacements();
        if (!dirty && !offersMatter(all)) return;
        const sections = {
          ...writeFileTable(allFiles()),
          ...writePlacementTable(all),
          ...writeTraceTable(placedTraces(all)),
        };
        try {
          replaceFile(paths.workspace, paths.tmp, encodeSections(sections), "workspace.flush");
        } catch (error) {
          throwAsProblem(error, shown(paths, paths.workspace));
        }
        dirty = false;
        offered = false;
      },
    },
    content: openContent(paths.projectRoot, {
      get: (path) => files.get(path) ?? saved().files.get(path),
      set(path, record) {
        files.set(path, record);
        dirty = true;
      },
    }),
    shelf: {
      get: traceText,
      offer(key, text) {
        if (text.length > MAX_SHELVED || traceText(key) === text) return;
        traces.set(key, text);
        offered = true;
      },
      drop(key) {
        if (traceText(key) === undefined) return;
        traces.set(key, null);
        dirty = true;
      },
    },
  };
}
