import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readOutputLine } from "../api/output-line.ts";
import { requestIdOf } from "../api/request-file.ts";
import { fileLines, LONGEST_LINE } from "../engine/file-lines.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { JobContext } from "./job-context.ts";
import type { Download, ProviderError } from "./provider.ts";
import { LOOKING, retry } from "./retry.ts";

const LONGEST_FILE = 16 * 1024 ** 3;

/** How many bytes a file that speaks of so many requests may have; one without an end would fill the disk. */
export function longestFile(requests: number): number {
  return Math.min((requests + 1) * LONGEST_LINE, LONGEST_FILE);
}

/**
 * What is made of a file of the provider's, which is gone afterwards. Content that is not whole is fetched again; as many
 * bytes a second time are what the provider has, and are taken. So is what came torn to the end: what it lacks is missing.
 * @param longest in bytes: of a longer one only the beginning is read
 */
export async function downloaded<T>(
  fileId: string,
  longest: number,
  { provider, scratch, ...context }: JobContext,
  read: (file: Download) => T | Promise<T>,
  isWhole: (path: string) => boolean = () => true,
): Promise<Result<T, ProviderError>> {
  mkdirSync(scratch, { recursive: true });
  const folder = mkdtempSync(join(scratch, "download-"));
  const path = join(folder, "file");
  let torn: Download | undefined;
  const attempt = async () => {
    const got = await provider.download(fileId, path, longest, context.signal);
    if (!got.ok || isWhole(path) || got.value.bytes === torn?.bytes) return got;
    torn = got.value;
    return err({ kind: "ambiguous", message: `${fileId} came torn` } as const);
  };
  try {
    const call = await retry(attempt, LOOKING, context);
    if (call.ok) return ok(await read(call.value));
    return torn === undefined || context.signal.aborted ? call : ok(await read(torn));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether every line of an output file can be read. One that ends early between two lines shows in what it does not say. */
export function isWholeOutput(path: string): boolean {
  for (const { raw } of fileLines(path))
    if (raw === null || (raw.trim() !== "" && readOutputLine(raw, requestIdOf).kind === "unreadable")) return false;
  return true;
}

/** For people: how what is stored differs from what the provider has. */
export function notesOf(file: string, { bytes, cut, masked }: Download): readonly string[] {
  return [
    ...(masked > 0 ? [keyMasked(file, masked)] : []),
    ...(cut ? [`${file} did not end after ${bytes} bytes; so many are kept, and what follows is not`] : []),
  ];
}

/** The key is never kept, not even where it stands in an answer. */
export function keyMasked(what: string, places: number): string {
  return `${what} repeats the API key in ${places === 1 ? "one place" : `${places} places`}; stars were stored in its stead. Whoever wrote it there knows the key: replace it`;
}
