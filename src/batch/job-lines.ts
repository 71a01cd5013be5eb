import { readFileSync } from "node:fs";
import { parseRequestFile, type RequestId, type RequestLine, textOf } from "../api/request-file.ts";
import type { Responses } from "../api/responses.ts";
import type { BlobStore } from "../engine/ports.ts";
import { type Digest, digestOf, fingerprintOfJson } from "../graph/digest.ts";
import type { Problem } from "../graph/problem.ts";
import type { Job, JobId } from "./job.ts";

/*
 * What a job asked. Its lines are a blob that the journal names, and free: where the blob is damaged or gone they are cut
 * again from the request file they came from (the job's id proves that they are the same), or read back from the provider.
 * Until they are known, nothing of their task may be sent: it could be what is already under way.
 */
export class JobLines {
  readonly #blobs: BlobStore;
  readonly #responses: Responses;
  readonly #known = new Map<JobId, readonly RequestLine[]>();
  readonly #unknown = new Set<JobId>();
  /** How often lines became known that nothing here told. */
  changes = 0;

  constructor(blobs: BlobStore, responses: Responses) {
    this.#blobs = blobs;
    this.#responses = responses;
  }

  set(id: JobId, lines: readonly RequestLine[]): void {
    this.#known.set(id, lines);
    this.#unknown.delete(id);
    this.changes++;
  }

  /** The lines, or undefined when nothing on this disk says what they were. */
  of(job: Job): readonly RequestLine[] | undefined {
    const known = this.#known.get(job.id);
    if (known !== undefined || this.#unknown.has(job.id)) return known;
    const lines = this.#stored(job.lines) ?? this.#cutAgain(job);
    if (lines === undefined) this.#unknown.add(job.id);
    else this.#known.set(job.id, lines);
    return lines;
  }

  /** Makes sure that the bytes about to be uploaded are those that the journal names. A problem when they are not to be had. */
  async whole(job: Job): Promise<Problem | undefined> {
    if (this.#stored(job.lines) !== undefined) return undefined;
    const text = textOf(this.of(job) ?? []);
    if (digestOf(text) === job.lines) {
      await this.#blobs.put(text);
      return undefined;
    }
    return {
      kind: "corrupt",
      where: job.requestFile,
      message: `the requests of job ${job.id} are damaged in the cache, and cannot be made again.`,
      fix: `Nothing was sent. \`dsgen recover --forget ${job.id}\` frees them: they were never submitted.`,
    };
  }

  #stored(digest: Digest): readonly RequestLine[] | undefined {
    let bytes: Buffer;
    try {
      bytes = readFileSync(this.#blobs.pathOf(digest));
    } catch {
      // Absent, a folder, unreadable: whatever it is, it is not what was sent.
      return undefined;
    }
    if (digestOf(bytes) !== digest) return undefined;
    const parsed = parseRequestFile(digest, bytes.toString("utf8"));
    return parsed.ok ? parsed.value : undefined;
  }

  /** The lines of the request file that was cut: all of them, or those that had no answer but by this very job. */
  #cutAgain(job: Job): readonly RequestLine[] | undefined {
    const file = this.#stored(job.from);
    const open = file?.filter(({ id }) => (this.#responses.lookup(id)?.jobId ?? job.id) === job.id);
    return [file, open].find(
      (lines) => lines !== undefined && fingerprintOfJson([...lines.map(({ id }) => id), job.attempt]) === job.id,
    );
  }
}

/** The names by which an adopted job's provider file calls its requests. */
export function aliasesOf(lines: readonly RequestLine[]): ReadonlyMap<string, RequestId> {
  return new Map(lines.flatMap(({ alias, id }) => (alias === undefined ? [] : [[alias, id]])));
}

/** Why nothing of a task is sent while a job's lines are not known. */
export function unknownLines(job: Job): Problem {
  return {
    kind: "corrupt",
    where: job.requestFile,
    message: `what job ${job.id} (batch ${job.batchId ?? "unknown"}) asked is damaged in the cache, and the provider does not give it back yet.`,
    fix: `Nothing of its task is sent until it is known: it may be what is already paid for. Run again; if you know that the provider did not execute it, \`dsgen recover --forget ${job.id}\` frees its requests.`,
  };
}
