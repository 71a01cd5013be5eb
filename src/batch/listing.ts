import type { Job } from "./job.ts";
import type { JobContext } from "./job-context.ts";
import type { Call, Page, PageQuery, RemoteBatch, RemoteFile } from "./provider.ts";
import { LOOKING, retry } from "./retry.ts";

/*
 * The provider's list of batches, and what can be concluded from it. Servers list in any order, leave members out, and
 * page in ways that never end; that a batch is not among what was read proves nothing unless the reading did.
 */

/** Key of the remote batch's metadata that names the job. */
export const JOB_KEY = "dsgen_job";

export function uploadName(job: string): string {
  return `dsgen-${job}.jsonl`;
}

/** The job whose lines a file of this name holds. */
export function jobOfUpload(filename: string | null): string | undefined {
  return /^dsgen-([0-9a-f]{32})\.jsonl$/.exec(filename ?? "")?.[1];
}

export interface Listing {
  readonly batches: readonly RemoteBatch[];
  /** Undefined when everything back to the time asked for was read; else why that is not certain. */
  readonly unproven: string | undefined;
}

const PAGE = 100;
/** 5,000 batches: a list that is longer and not newest first is read no further. */
const MOST_PAGES = 50;

function nextPage<T>(
  list: (page: PageQuery) => Promise<Call<Page<T>>>,
  after: string | undefined,
  context: JobContext,
): Promise<Call<Page<T>>> {
  return retry(() => list({ limit: PAGE, ...(after === undefined ? {} : { after }) }), LOOKING, context);
}

/**
 * Reads the list to its end, or past `since` (seconds since the epoch, by the provider's clock) as far as its own order
 * shows that nothing newer can follow. Bounded: a list that does not move on, or has no end, is `unproven`.
 */
export async function readBatches(
  since: number,
  context: JobContext,
  mostPages: number = MOST_PAGES,
): Promise<Call<Listing>> {
  const batches: RemoteBatch[] = [];
  const seen = new Set<string>();
  let odd = 0;
  let newestFirst = true;
  let last = Number.POSITIVE_INFINITY;
  let after: string | undefined;
  const done = (why: string | undefined): Call<Listing> => {
    const nameless = odd > 0 ? `${odd} of its entries have no id` : undefined;
    return { ok: true, value: { batches, unproven: why ?? nameless } };
  };
  for (let pages = 0; pages < mostPages; pages++) {
    const page = await nextPage((asked) => context.provider.listBatches(asked, context.signal), after, context);
    if (!page.ok) return page;
    odd += page.value.odd;
    const fresh = page.value.items.filter(({ id }) => !seen.has(id));
    for (const batch of fresh) {
      seen.add(batch.id);
      batches.push(batch);
      if (batch.createdAt === null || batch.createdAt > last) newestFirst = false;
      else last = batch.createdAt;
    }
    if (page.value.end) return done(undefined);
    // One page shows no order that could be relied on: a server may give the same one for ever.
    if (pages > 0 && fresh.length > 0 && newestFirst && last < since) return done(undefined);
    if (page.value.next === null) return done("it says that it goes on, and gives nothing to go on from");
    if (fresh.length === 0) return done("it does not move on from one page to the next");
    after = page.value.next;
  }
  return done(`it goes on for more than ${mostPages} pages`);
}

/** What a listing says of one job. `unproven`: it may be there and not be recognised, or not have been read. */
export type Search =
  | { readonly kind: "found"; readonly batch: RemoteBatch }
  | { readonly kind: "absent" }
  | { readonly kind: "unproven"; readonly why: string };

/**
 * Looks for a job by the id in a batch's metadata, and by its uploaded file, since servers drop metadata.
 * @param since seconds since the epoch, by the provider's clock: no batch of this job is older
 */
export function searchFor(job: Job, listing: Listing, since: number, known: ReadonlySet<string>): Search {
  const ours = listing.batches.filter(
    (batch) => batch.metadata[JOB_KEY] === job.id || (job.fileId !== null && batch.inputFileId === job.fileId),
  );
  // Should there ever be two (a listing later than its bound), one that does something goes before one that failed.
  const best = ours.find((batch) => batch.status !== "failed") ?? ours[0];
  if (best !== undefined) return { kind: "found", batch: best };
  if (listing.unproven !== undefined) return { kind: "unproven", why: listing.unproven };
  const nameless = listing.batches.find((batch) => couldBe(job, batch, since) && !known.has(batch.id));
  if (nameless === undefined) return { kind: "absent" };
  return {
    kind: "unproven",
    why: `batch ${nameless.id} names neither its input file nor its job, so it could be this one`,
  };
}

/** A batch that shows nothing by which to tell whose it is, and is not too old to be this job's. */
function couldBe(job: Job, batch: RemoteBatch, since: number): boolean {
  if (batch.inputFileId !== null || batch.metadata[JOB_KEY] !== undefined) return false;
  if (batch.createdAt !== null && batch.createdAt < since) return false;
  return batch.endpoint === "" || batch.endpoint === job.endpoint;
}

/** Uploaded files by id, as far as a bounded reading finds them. */
export async function readFiles(
  context: JobContext,
  mostPages: number,
): Promise<Call<ReadonlyMap<string, RemoteFile>>> {
  const files = new Map<string, RemoteFile>();
  let after: string | undefined;
  for (let pages = 0; pages < mostPages; pages++) {
    const page = await nextPage((asked) => context.provider.listFiles(asked, context.signal), after, context);
    if (!page.ok) return page;
    const before = files.size;
    for (const file of page.value.items) files.set(file.id, file);
    if (page.value.end || page.value.next === null || files.size === before) break;
    after = page.value.next;
  }
  return { ok: true, value: files };
}
