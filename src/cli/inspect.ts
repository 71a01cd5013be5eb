import { resolve } from "node:path";
import { readJson } from "../api/read-json.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";
import { formatNamed, formatOfLine, formatOfManifest } from "../report/file-formats.ts";
import { inspectionText } from "../report/inspection.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { manifestHead } from "./manifest-head.ts";
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
  examples: [
    ["dsgen inspect dataset.jsonl", "counts, and the first three scenarios"],
    ["dsgen inspect requests/refusal/request_batch0.jsonl --limit 1 --full", "one request, every word that is sent"],
  ],
  takes,
  run: runInspect,
});

async function runInspect(context: CommandContext, { file, limit, full }: Given<typeof takes>): Promise<ExitCode> {
  const path = resolve(context.io.cwd, file);
  const problem = unreadable(path, file);
  if (problem !== undefined) return context.refuse([problem]);
  let format: string | undefined;
  let [lines, malformed, entries] = [0, 0, 0];
  const counted = new Map<string, number>();
  const count = (name: string, by = 1) => void counted.set(name, (counted.get(name) ?? 0) + by);
  let last: string | undefined;
  const first: { readonly name: string; readonly lines: JsonObject[] }[] = [];
  for await (const text of readLines(path, file)) {
    if (context.signal.aborted) return EXIT.interrupted;
    lines++;
    // An output file is as its provider wrote it, which may be no JSON to the letter.
    const line = readJson(text);
    if (!isJsonObject(line)) {
      malformed++;
      if (format === undefined && malformed >= LOOKED_AT) break;
      continue;
    }
    format ??= fileFormat(line, path);
    if (format === undefined) break;
    const { format: of, as } = formatNamed(format);
    of.count(line, text, count, as);
    const name = of.entry(line, lines - malformed, as);
    if (name !== last) entries++;
    if (name !== last && first.length < limit) first.push({ name, lines: [line] });
    else if (name === last && entries <= limit) first.at(-1)?.lines.push(line);
    last = name;
  }
  if (format === undefined) return context.refuse([notOurs(file, lines)]);
  const counts = Object.fromEntries([...counted].sort(([a], [b]) => (a < b ? -1 : 1)));
  const line = { type: "inspection" as const, file, format, lines, malformed, entries, counts };
  const page = { width: context.io.stdout.columns, style: context.style, full };
  context.result(
    () => inspectionText(line, first, page),
    () => [{ ...line, first: first.flatMap((entry) => entry.lines) }],
  );
  return malformed === 0 ? EXIT.upToDate : EXIT.failed;
}

/** What a file is: by one of its lines, or by the manifest beside it; undefined for none of ours. */
export function fileFormat(line: JsonObject, path: string): string | undefined {
  const format = formatOfLine(line);
  if (format !== undefined) return format;
  try {
    return formatOfManifest(manifestHead(path.replace(/\.jsonl$/, ".manifest.json")));
  } catch {
    // None, or none that can be read: then the lines alone say what they are.
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
