import { resolve } from "node:path";
import { readJson } from "../api/read-json.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";
import { type InspectedEntry, inspectionText } from "../report/inspection.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { type FileFormat, formatByManifest, formatOf, type Inspector, inspectorFor } from "./inspectors.ts";
import { COUNT, flag, type Given, number, operand } from "./options.ts";
import { readLines, unreadable } from "./read-lines.ts";

/** Lines that are no JSON objects may come first; a file without any object among these is not one of ours. */
export const LOOKED_AT = 100;

const takes = {
  file: operand("<FILE>", "the file; what it is, is told from its content"),
  limit: { ...number("<N>", "show this many entries", COUNT), absent: 3 },
  full: flag("show them whole: of a request file, every word that is sent"),
};

/** `dsgen inspect FILE`: what is in it, by count, and its first entries. Reads the file once, in little memory. */
export const inspect = command({
  name: "inspect",
  about: "count and show what is in a dataset, shard, request or output file",
  takes,
  run: runInspect,
});

async function runInspect(context: CommandContext, asked: Given<typeof takes>): Promise<ExitCode> {
  const path = resolve(context.io.cwd, asked.file);
  const problem = unreadable(path, asked.file);
  if (problem !== undefined) return context.refuse([problem]);
  let inspector: Inspector | undefined;
  let lines = 0;
  let malformed = 0;
  let entries = 0;
  let last: string | undefined;
  const first: { readonly name: string; readonly lines: JsonObject[] }[] = [];
  for await (const text of readLines(path, asked.file)) {
    if (context.signal.aborted) return EXIT.interrupted;
    lines++;
    // An output file is as its provider wrote it, which may be no JSON to the letter.
    const value = readJson(text);
    const line = isJsonObject(value) ? value : undefined;
    if (line === undefined) {
      malformed++;
      if (inspector === undefined && malformed >= LOOKED_AT) break;
      continue;
    }
    inspector ??= inspectorFor(fileFormat(line, path));
    if (inspector.format === "unknown") break;
    const name = inspector.add(line, text);
    if (name !== last) entries++;
    if (name !== last && first.length < asked.limit) first.push({ name, lines: [line] });
    else if (name === last && entries <= asked.limit) first.at(-1)?.lines.push(line);
    last = name;
  }
  if (inspector === undefined || inspector.format === "unknown") {
    return context.refuse([notOurs(asked.file, lines)]);
  }
  const { format } = inspector;
  const counts = Object.fromEntries([...inspector.counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  const shown: readonly InspectedEntry[] = first;
  const line = { type: "inspection" as const, file: asked.file, format, lines, malformed, entries, counts };
  context.result(
    () => inspectionText(line, shown, context.io.stdout.columns, context.style, asked.full),
    () => [{ ...line, first: shown.flatMap((entry) => entry.lines) }],
  );
  return malformed === 0 ? EXIT.upToDate : EXIT.failed;
}

/** What a file is: by one of its lines, or by the manifest beside it. */
export function fileFormat(line: JsonObject, path: string): FileFormat {
  const format = formatOf(line);
  return format === "unknown" ? formatByManifest(path) : format;
}

export function parseLine(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function notOurs(file: string, lines: number): Problem {
  return {
    kind: "usage",
    where: file,
    message:
      lines === 0
        ? "expected JSON Lines, found an empty file."
        : "expected the lines of a dataset, a shard, requests or a batch output, found none.",
    fix: "Name a .jsonl file that dsgen or the Batch API wrote.",
  };
}
