import { parseRequestFile, type RequestId } from "../api/request-file.ts";
import type { Journal } from "../engine/ports.ts";
import { type Digest, isDigest } from "../graph/digest.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { adopt, askedBy, type Ours, oursAmong } from "./adopt.ts";
import { failedValidation, type JobId } from "./job.ts";
import { readBatches } from "./listing.ts";
import type { CollectPorts } from "./ports.ts";
import { providerProblem } from "./provider-problem.ts";
import { remoteView } from "./remote-view.ts";

/*
 * Before the first create of an invocation the provider's own list is compared with what is about to be asked. That closes
 * a whole class: a cache restored from an older copy, a second cache folder or clone with the same account, a journal that
 * lost a line. Batches that hold none of the requests wanted now are noted, so that they are read once.
 */

/** How far back: output files and batches are of no use for longer at most providers. */
const DAYS = 30;
/** Unknown batches of dsgen's whose input is read in one invocation. */
const MOST_READ = 200;

/** A batch of dsgen's that holds other requests (another clone's, an older prompt's). A journal line. */
type OtherRecord = {
  readonly t: "other-batch";
  readonly namespace: string;
  readonly batch: string;
  readonly lines: Digest;
};
/** Whether this provider lists batches at all. A journal line, written when that changes. */
type ListingRecord = { readonly t: "listing"; readonly namespace: string; readonly unguarded: string | null };

export interface Looked {
  readonly adopted: readonly JobId[];
  /** Why the list could not be used, when the journal alone had to do. */
  readonly unguarded: string | null;
}

/** Adopts every unknown batch of the last 30 days that holds one of these requests. A problem when nothing may be sent. */
export async function lookFirst(
  wanted: ReadonlySet<RequestId>,
  journal: Journal,
  ports: CollectPorts,
): Promise<Result<Looked, Problem>> {
  const { book, clock, provider } = ports;
  const since = (provider.serverNow() ?? clock.now()) / 1000 - DAYS * 86_400;
  const listing = await readBatches(since, ports);
  if (!listing.ok) {
    const problem = providerProblem(listing.error, "build", "list the batches before anything is sent");
    const { kind } = listing.error;
    if (kind === "auth" || kind === "aborted" || kind === "unreachable") return err(problem);
    return withoutListing(problem.message, journal, ports);
  }
  const known = new Set(book.all().flatMap((job) => (job.batchId === null ? [] : [job.batchId])));
  const unknown = listing.value.batches.filter((batch) => !known.has(batch.id) && !failedValidation(remoteView(batch)));
  const others = othersIn(journal, provider.namespace.id);
  const adopted: JobId[] = [];
  let read = 0;
  const { ours: sent, unrecognised } = await oursAmong(unknown, ports);
  for (const ours of sent) {
    const noted = others.get(ours.batch.id);
    if (noted !== undefined && !(await holdsOne(noted, wanted, ports))) continue;
    if (++read > MOST_READ)
      return withoutListing(`it holds more than ${MOST_READ} unknown batches of dsgen's`, journal, ports);
    const job = await adoptIfWanted(ours, wanted, journal, ports);
    if (!job.ok) return job;
    if (job.value !== undefined) adopted.push(job.value);
  }
  const doubt =
    listing.value.unproven ??
    (unrecognised === 0 ? undefined : `${unrecognised} of its batches show nothing by which dsgen's could be told`);
  if (doubt !== undefined) {
    const without = withoutListing(doubt, journal, ports);
    return without.ok ? ok({ ...without.value, adopted }) : without;
  }
  noteListing(null, journal, ports);
  return ok({ adopted, unguarded: null });
}

async function adoptIfWanted(
  ours: Ours,
  wanted: ReadonlySet<RequestId>,
  journal: Journal,
  ports: CollectPorts,
): Promise<Result<JobId | undefined, Problem>> {
  const asked = await askedBy(ours.batch, ports);
  if (!asked.ok) {
    // Its file is gone, or is none of ours: what it asked shows nowhere, unless the very job is in this journal.
    if (ports.book.job(ours.job) === undefined) return ok(undefined);
    return err({
      kind: "provider",
      where: ours.requestFile ?? ours.batch.id,
      message: `batch ${ours.batch.id} was sent for job ${ours.job}, and what it asked cannot be read: ${asked.why}.`,
      fix: `Nothing was sent. If the provider shows that it was not executed, \`dsgen recover --forget ${ours.job}\` frees its requests.`,
    });
  }
  if (asked.lines.some((line) => wanted.has(line.id))) return ok(await adopt(ours, asked, ports));
  const lines = (await ports.blobs.put(asked.text)).digest;
  const record: OtherRecord = { t: "other-batch", namespace: ports.provider.namespace.id, batch: ours.batch.id, lines };
  journal.append(record);
  return ok(undefined);
}

/** The journal alone: enough when it is proven whole, since every create is in it before it leaves. */
function withoutListing(why: string, journal: Journal, ports: CollectPorts): Result<Looked, Problem> {
  if (ports.book.isWhole()) {
    noteListing(why, journal, ports);
    return ok({ adopted: [], unguarded: why });
  }
  return err({
    kind: "corrupt",
    where: "the journal of batch jobs",
    message: `lines of it are damaged, and the provider's list of batches, which could tell what they said, is of no use: ${why}.`,
    fix: "Nothing was sent. Restore .dsgen-cache/v1/journal.jsonl from a copy, or let `dsgen fsck --repair` write it anew from what can be read, if you know that no batch is missing.",
  });
}

function noteListing(unguarded: string | null, journal: Journal, { provider }: CollectPorts): void {
  if ((unguardedIn(journal, provider.namespace.id) ?? null) === unguarded) return;
  const record: ListingRecord = { t: "listing", namespace: provider.namespace.id, unguarded };
  journal.append(record);
}

/** Why this provider's list of batches was of no use when it was last read; undefined when it was, or was never read. */
export function unguardedIn(journal: Journal, namespace: string): string | undefined {
  const last = journal.records().findLast((record) => record["t"] === "listing" && record["namespace"] === namespace);
  return typeof last?.["unguarded"] === "string" ? last["unguarded"] : undefined;
}

function othersIn(journal: Journal, namespace: string): ReadonlyMap<string, Digest> {
  const others = new Map<string, Digest>();
  for (const { t, namespace: of, batch, lines } of journal.records())
    if (
      t === "other-batch" &&
      of === namespace &&
      typeof batch === "string" &&
      typeof lines === "string" &&
      isDigest(lines)
    )
      others.set(batch, lines);
  return others;
}

/** Whether a noted batch holds a request that is wanted now; also when what was noted of it is gone. */
async function holdsOne(lines: Digest, wanted: ReadonlySet<RequestId>, { blobs }: CollectPorts): Promise<boolean> {
  const stored = await blobs.read(lines);
  if (!stored.ok) return true;
  const parsed = parseRequestFile(lines, Buffer.from(stored.value).toString("utf8"));
  return !parsed.ok || parsed.value.some((line) => wanted.has(line.id));
}
