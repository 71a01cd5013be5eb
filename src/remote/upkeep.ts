import { isJsonObject, jsonObjectIn } from "../graph/json.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { ACTIONS } from "./action-record.ts";
import { atOnce, blobName, removing } from "./checked.ts";
import { FLIGHT } from "./flight-entry.ts";
import type { Remote, RemoteEntry, RemoteFailure } from "./remote.ts";
import { RESPONSES } from "./response-record.ts";
import { writerFolder } from "./writer.ts";

/* How much a shared cache holds, of whom, and how it is kept small. All projects that share it count. */

/** What lies in a shared cache, by the folder that it is in. */
export const KINDS = ["answers", "results", "files", "asking", "other"] as const;
export type Kind = (typeof KINDS)[number];

export interface Amount {
  readonly count: number;
  readonly bytes: number;
}

export interface Stats {
  readonly kinds: Readonly<Record<Kind, Amount>>;
  /** Records by the public key of a trusted writer, and `others`. */
  readonly writers: Readonly<Record<string, number>>;
  /** Milliseconds since the epoch, by the server's clock; null where it does not say. */
  readonly oldest: number | null;
  readonly newest: number | null;
}

/** Counts what there is. */
export async function statsOf(
  remote: Remote,
  trust: readonly string[],
  signal: AbortSignal,
): Promise<Result<Stats, RemoteFailure>> {
  const listed = await remote.entries("v1", signal);
  if (!listed.ok) return listed;
  const kinds = Object.fromEntries(KINDS.map((kind) => [kind, { count: 0, bytes: 0 }])) as Record<Kind, Amount>;
  const folders = new Map(trust.map((word) => [writerFolder(word), word]));
  const writers: Record<string, number> = {};
  let oldest: number | null = null;
  let newest: number | null = null;
  for (const { name, bytes, writtenAt } of listed.value) {
    const [, folder = "", , writer = ""] = name.split("/");
    const kind = kindOf(folder);
    const { count, bytes: before } = kinds[kind];
    kinds[kind] = { count: count + 1, bytes: before + (bytes ?? 0) };
    if (kind === "answers" || kind === "results") {
      const by = folders.get(writer) ?? "others";
      writers[by] = (writers[by] ?? 0) + 1;
    }
    if (writtenAt === null) continue;
    oldest = Math.min(oldest ?? writtenAt, writtenAt);
    newest = Math.max(newest ?? writtenAt, writtenAt);
  }
  return ok({ kinds, writers, oldest, newest });
}

function kindOf(folder: string): Kind {
  switch (folder) {
    case RESPONSES:
      return "answers";
    case ACTIONS:
      return "results";
    case "cas":
      return "files";
    case FLIGHT:
      return "asking";
    default:
      return "other";
  }
}

export interface Removed {
  /** Records of answers, where it was said that these go too. */
  answers: number;
  /** Records of results. */
  results: number;
  files: number;
  bytes: number;
  /** Entries whose age the server does not tell: they stay. */
  ageless: number;
}

export interface Removal {
  /** Only counts. */
  readonly dryRun: boolean;
  /** Removes old answers too, whoever has paid for them. */
  readonly includePaid: boolean;
}

/**
 * Removes what is free and was written before a time: records of results, and files that no record names any more. Answers and
 * what their records name stay, whoever signed them, unless it is said that old ones go too, as does whatever is younger: somebody may be putting it just now, the file
 * first and then its record. Cut off at any point, it has removed records whose files the next run removes.
 *
 * A file that is older may get a record meanwhile, by a push that found it there. So it is said that files are being removed
 * before records are read, and until none is removed any more: see `putRecord`.
 */
export async function removeOlder(
  remote: Remote,
  before: number,
  { dryRun, includePaid }: Removal,
  signal: AbortSignal,
): Promise<Result<Removed, { readonly failure: RemoteFailure; readonly removed: Removed }>> {
  const removed: Removed = { answers: 0, results: 0, files: 0, bytes: 0, ageless: 0 };
  const work = (within: AbortSignal) => removeBefore(remote, before, { dryRun, includePaid }, removed, within);
  const failure = dryRun ? await work(signal) : await removing(remote, signal, work);
  return failure === undefined ? ok(removed) : err({ failure, removed });
}

async function removeBefore(
  remote: Remote,
  before: number,
  { dryRun, includePaid }: Removal,
  removed: Removed,
  signal: AbortSignal,
): Promise<RemoteFailure | undefined> {
  const lists: RemoteEntry[][] = [];
  // Files before records: one that is put in between is in neither, or only its record is, and it stays.
  for (const folder of ["cas", RESPONSES, ACTIONS]) {
    const listed = await remote.entries(`v1/${folder}`, signal);
    if (!listed.ok) return listed.error;
    lists.push([...listed.value]);
  }
  const [files = [], answers = [], results = []] = lists;
  const isOld = ({ writtenAt }: RemoteEntry): boolean => {
    if (writtenAt === null) removed.ageless++;
    return writtenAt !== null && writtenAt < before;
  };
  const oldResults = results.filter(isOld);
  const oldAnswers = includePaid ? answers.filter(isOld) : [];
  const old = new Set([...oldResults, ...oldAnswers]);
  const named = new Set<string>();
  const kept = [...answers, ...results].filter((entry) => !old.has(entry));
  const unread = await atOnce(kept, signal, async ({ name }) => {
    const got = await remote.get(name, signal);
    if (!got.ok || got.value === undefined) return got;
    const names = filesIn(got.value);
    if (names === undefined)
      return err({ kind: "odd", message: `${name} is no record that this dsgen reads: what it names is not known` });
    for (const file of names) named.add(file);
    return ok(undefined);
  });
  if (unread !== undefined) return unread;
  const take = async (entries: readonly RemoteEntry[], what: "answers" | "results" | "files") =>
    atOnce(entries, signal, async ({ name, bytes }) => {
      const gone = dryRun ? ok(true) : await remote.remove(name, signal);
      if (!gone.ok) return gone;
      removed[what]++;
      removed.bytes += bytes ?? 0;
      return gone;
    });
  const unnamed = files.filter((entry) => !named.has(entry.name) && isOld(entry));
  return (await take(oldResults, "results")) ?? (await take(oldAnswers, "answers")) ?? (await take(unnamed, "files"));
}

/** The files that a record names, whoever signed it; undefined for what is no record. */
function filesIn(bytes: Uint8Array): readonly string[] | undefined {
  const record = jsonObjectIn(Buffer.from(bytes).toString("utf8"));
  const body = record?.["body"];
  if (record?.["v"] !== 1 || !isJsonObject(body)) return undefined;
  const { blob, outputs } = body;
  if (typeof blob === "string") return [blobName(blob as Parameters<typeof blobName>[0])];
  if (!Array.isArray(outputs)) return undefined;
  return outputs.flatMap((one) => {
    const digest: unknown = Array.isArray(one) ? one[0] : undefined;
    return typeof digest === "string" ? [blobName(digest as Parameters<typeof blobName>[0])] : [];
  });
}
