import type { Placement } from "../engine/ports.ts";
import type { ActionKey, Digest } from "../graph/digest.ts";
import type { TargetName } from "../graph/names.ts";
import { joinNames, type Sections, splitNames } from "./workspace-file.ts";

export type PlacementSections = Pick<Sections, "targets" | "targetKeys" | "outputStarts" | "outputDigests">;
export type TraceSections = Pick<Sections, "traceKeys" | "traceStarts" | "traceTexts">;

/** The saved placements, as columns. */
export interface PlacementTable {
  readonly targets: readonly TargetName[];
  get(target: TargetName): Placement | undefined;
}

export const noPlacements: PlacementTable = { targets: [], get: () => undefined };

export function readPlacementTable(sections: PlacementSections): PlacementTable {
  const targets = splitNames(sections.targets) as readonly TargetName[];
  const rows = new Map<TargetName, number>();
  for (const [row, target] of targets.entries()) rows.set(target, row);
  const keys = bufferOf(sections.targetKeys);
  const starts = uint32s(sections.outputStarts);
  const digests = bufferOf(sections.outputDigests);
  return {
    targets,
    get(target) {
      const row = rows.get(target);
      if (row === undefined) return undefined;
      const outputs: Digest[] = [];
      const stop = starts[row + 1] ?? 0;
      for (let at = starts[row] ?? 0; at < stop; at++) {
        outputs.push(digests.toString("hex", at * 32, at * 32 + 32) as Digest);
      }
      return { key: keys.toString("hex", row * 16, row * 16 + 16) as ActionKey, outputs };
    },
  };
}

export function writePlacementTable(placements: ReadonlyMap<TargetName, Placement>): PlacementSections {
  const keys: string[] = [];
  const digests: string[] = [];
  const starts = new Uint32Array(placements.size + 1);
  for (const placement of placements.values()) {
    keys.push(placement.key);
    digests.push(...placement.outputs);
    starts[keys.length] = digests.length;
  }
  return {
    targets: joinNames([...placements.keys()]),
    targetKeys: Buffer.from(keys.join(""), "hex"),
    outputStarts: new Uint8Array(starts.buffer),
    outputDigests: Buffer.from(digests.join(""), "hex"),
  };
}

/** The saved copies of traces: JSON texts by action key, parsed one by one when asked for. */
export interface TraceTable {
  get(key: ActionKey): string | undefined;
}

export const noTraces: TraceTable = { get: () => undefined };

export function readTraceTable(sections: TraceSections): TraceTable {
  const keys = bufferOf(sections.traceKeys).toString("hex");
  const rows = new Map<string, number>();
  for (let row = 0; row * 32 < keys.length; row++) rows.set(keys.slice(row * 32, row * 32 + 32), row);
  const starts = uint32s(sections.traceStarts);
  const texts = bufferOf(sections.traceTexts);
  return {
    get(key) {
      const row = rows.get(key);
      return row === undefined ? undefined : texts.toString("utf8", starts[row] ?? 0, starts[row + 1] ?? 0);
    },
  };
}

export function writeTraceTable(traces: ReadonlyMap<ActionKey, string>): TraceSections {
  const starts = new Uint32Array(traces.size + 1);
  const texts: Buffer[] = [];
  let end = 0;
  for (const text of traces.values()) {
    const bytes = Buffer.from(text);
    texts.push(bytes);
    end += bytes.length;
    starts[texts.length] = end;
  }
  return {
    traceKeys: Buffer.from([...traces.keys()].join(""), "hex"),
    traceStarts: new Uint8Array(starts.buffer),
    traceTexts: Buffer.concat(texts),
  };
}

function uint32s(section: Uint8Array): Uint32Array {
  return new Uint32Array(section.buffer, section.byteOffset, section.byteLength >> 2);
}

function bufferOf(section: Uint8Array): Buffer {
  return Buffer.from(section.buffer, section.byteOffset, section.byteLength);
}
