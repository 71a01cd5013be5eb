import { parseRequestFile, type RequestId, type RequestLine } from "../api/request-file.ts";
import { type Digest, isDigest } from "../graph/digest.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { adopt, askedBy, type Ours, oursAmong } from "./adopt.ts";
import { batchStatus, failedValidation, type JobId } from "./job.ts";
import type { JobContext } from "./job-context.ts";
import { readBatches } from "./listing.ts";
import { providerProblem } from "./provider-problem.ts";

/*
 * Before the first create of an invocation the provider's own list is compared with what is about to be asked. That closes
 * a whole class: a cache restored from an older copy, a second cache folder or clone with the same account, a journal that
 * lost a line. Batches that hold none of the requests wanted now are noted, so that they are read once.
 *
 * Two journal lines: `other-batch` (a batch of dsgen's that holds other requests: another clone's, an older prompt's), and
 * `listing` (whether this provider lists batches at all, written when that changes).
 */

/** How far back: output files and batches are of no use for longer at most providers. */
const DAYS = 30;
/** Unknown batches of dsgen's whose input is read in one invocation. */
const MOST_READ = 200;

/** Adopts every unknown batch of the last 30 days that holds one of these requests. A problem when nothing may be sent. */
export async function lookFirst(
  lines: readonly RequestLine[],
  context: JobContext,
): Promise<Result<readonly JobId[], Problem>> {
  const { book, clock, provider } = context;
  const since = (provider.serverNow() ?? clock.now()) / 1000 - DAYS * 86_400;
  const listing = await readBatches(since, context);
  if (!listing.ok) {
    const problem = providerProblem(listing.error, "build", "list the batches before anything is sent");
    const { kind } = listing.error;
    const isTrouble = kind === "auth" || kind === "aborted" || kind === "unreachable";
    return isTrouble ? err(problem) : withoutListing(problem.message, [], context);
  }
  const wanted = new Set(lines.map(({ id }) => id));
  const known = book.batchIds();
  const unknown = listing.value.batches.filter(
    (batch) => !known.has(batch.id) && !failedValidation(batchStatus(batch)),
  );
  const others = othersIn(context);
  const adopted: JobId[] = [];
  let read = 0;
  const { ours, unrecognised } = await oursAmong(unknown, context);
  for (const one of ours) {
    const noted = others.get(one.batch.id);
    if (noted !== undefined && !(await holdsOne(noted, wanted, context))) continue;
    if (++read > MOST_READ)
      return withoutListing(`it holds more than ${MOST_READ} unknown batches of dsgen's`, [], context);
    const job = await adoptIfWanted(one, wanted, context);
    if (!job.ok) return job;
    if (job.value !== undefined) adopted.push(job.value);
  }
  const unnamed = `${unrecognised} of its batches show nothing by which dsgen's could be told`;
  const doubt = listing.value.unproven ?? (unrecognised === 0 ? undefined : unnamed);
  if (doubt !== undefined) return withoutListing(doubt, adopted, context);
  noteListing(null, context);
  return ok(adopted);
}

async function adoptIfWanted(
  ours: Ours,
  wanted: ReadonlySet<RequestId>,
  context: JobContext,
): Promise<Result<JobId | undefined, Problem>> {
  const asked = await askedBy(ours.batch, context);
  if (!asked.ok) {
    // Its file is gone, or is none of ours: what it asked shows nowhere, unless the very job is in this journal.
    if (context.book.job(ours.job) === undefined) return ok(undefined);
    return err({
      kind: "provider",
      where: ours.requestFile ?? ours.batch.id,
      message: `batch ${ours.batch.id} was sent for job ${ours.job}, and what it asked cannot be read: ${asked.why}.`,
      fix: `Nothing was sent. If the provider shows that it was not executed, \`dsgen recover --forget ${ours.job}\` frees its requests.`,
    });
  }
  if (asked.lines.some((line) => wanted.has(line.id))) return ok(await adopt(ours, asked, context));
  const { digest: lines } = await context.blobs.put(asked.text);
  const namespace = context.provider.namespace.id;
  context.journal.append({ t: "other-batch", namespace, batch: ours.batch.id, lines });
  return ok(undefined);
}

/** The journal alone: enough when it is proven whole, since every create is in it before it leaves. */
function withoutListing(
  why: string,
  adopted: readonly JobId[],
  context: JobContext,
): Result<readonly JobId[], Problem> {
  if (context.book.isWhole()) {
    noteListing(why, context);
    return ok(adopted);
  }
  return err({
    kind: "corrupt",
    where: "the journal of batch jobs",
    message: `lines of it are damaged, and the provider's list of batches, which could tell what they said, is of no use: ${why}.`,
    fix: "Nothing was sent. Restore .dsgen-cache/v1/journal.jsonl from a copy, or let `dsgen fsck --repair` write it anew from what can be read, if you know that no batch is missing.",
  });
}

function noteListing(unguarded: string | null, context: JobContext): void {
  const namespace = context.provider.namespace.id;
  if ((unguardedIn(context) ?? null) !== unguarded) context.journal.append({ t: "listing", namespace, unguarded });
}

/** Why this provider's list of batches was of no use when it was last read; undefined when it was, or was never read. */
export function unguardedIn({ journal, provider }: Pick<JobContext, "journal" | "provider">): string | undefined {
  const { id } = provider.namespace;
  const last = journal.records().findLast(({ t, namespace }) => t === "listing" && namespace === id);
  return typeof last?.["unguarded"] === "string" ? last["unguarded"] : undefined;
}

function othersIn({ journal, provider }: JobContext): ReadonlyMap<string, Digest> {
  const others = new Map<string, Digest>();
  for (const { t, namespace, batch, lines } of journal.records()) {
    if (t !== "other-batch" || namespace !== provider.namespace.id || typeof batch !== "string") continue;
    if (typeof lines === "string" && isDigest(lines)) others.set(batch, lines);
  }
  return others;
}

/** Whether a noted batch holds a request that is wanted now; also when what was noted of it is gone. */
async function holdsOne(lines: Digest, wanted: ReadonlySet<RequestId>, { blobs }: JobContext): Promise<boolean> {
  const stored = await blobs.read(lines);
  if (!stored.ok) return true;
  const parsed = parseRequestFile(lines, Buffer.from(stored.value).toString("utf8"));
  return !parsed.ok || parsed.value.some((line) => wanted.has(line.id));
}
