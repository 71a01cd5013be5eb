import { readOutputLine } from "../api/output-line.ts";
import { requestIdOf } from "../api/request-file.ts";
import { fileLines, LONGEST_LINE } from "../engine/file-lines.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { CollectPorts } from "./ports.ts";
import type { Download, ProviderError } from "./provider.ts";
import { keyMasked } from "./provider-problem.ts";
import { passing, retry } from "./retry.ts";

const LONGEST_FILE = 16 * 1024 ** 3;

/** How many bytes a file that speaks of so many requests may have; one without an end would fill the disk. */
export function longestFile(requests: number): number {
  return Math.min((requests + 1) * LONGEST_LINE, LONGEST_FILE);
}

/** For people: how what is stored differs from what the provider has. */
export function notesOf(file: string, { bytes, cut, masked }: Download): readonly string[] {
  return [
    ...(masked > 0 ? [keyMasked(file, masked)] : []),
    ...(cut ? [`${file} did not end after ${bytes} bytes; so many are kept, and what follows is not`] : []),
  ];
}

/**
 * Downloads until the content is whole: every line can be read (that its bytes came as announced, the provider saw to).
 * One that is not is fetched again; as many bytes a second time are what the provider has, and are taken.
 */
export async function fetchFile(
  fileId: string,
  path: string,
  longest: number,
  ports: CollectPorts,
): Promise<Result<Download, ProviderError>> {
  const { tries, firstWaitMs } = ports.patience;
  let before: Download | undefined;
  const call = await retry(
    async () => {
      const got = await ports.provider.download(fileId, path, longest, ports.signal);
      if (!got.ok || isWhole(path) || got.value.bytes === before?.bytes) return got;
      before = got.value;
      return { ok: false, error: { kind: "ambiguous", message: `${fileId} came torn` } } as const;
    },
    { tries, firstWaitMs, worthIt: passing },
    ports,
  );
  if (call.ok) return ok(call.value);
  // Torn to the end: what came is kept all the same, and what it lacks is missing.
  return before === undefined || ports.signal.aborted ? err(call.error) : ok(before);
}

/** Whether every line of a download can be read. One that ends early between two lines shows in what it does not say. */
function isWhole(path: string): boolean {
  for (const { raw } of fileLines(path))
    if (raw === null || (raw.trim() !== "" && readOutputLine(raw, requestIdOf).kind === "unreadable")) return false;
  return true;
}
