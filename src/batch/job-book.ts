import type { RequestId } from "../api/request-file.ts";
import type { Journal } from "../engine/ports.ts";
import { fingerprintOfJson } from "../graph/digest.ts";
import type { JsonObject } from "../graph/json.ts";
import { ProblemError } from "../graph/problem.ts";
import {
  type BatchStatus,
  isOpen,
  isTerminal,
  type Job,
  type JobId,
  type JobRecord,
  readJobRecord,
  transition,
} from "./job.ts";

/** How often a request was executed in vain, and the last reason. */
export interface Failure {
  readonly attempts: number;
  readonly why: string;
}

/** A journal is written anew when so many of its lines say nothing any more, and are most of it. */
const hasGrown = (superseded: number, lines: number) => superseded >= 500 && superseded * 2 > lines;

/**
 * The jobs of a project: a fold over the journal. Recording writes the journal first, then memory, so that memory never
 * knows a step that a crash could forget.
 */
export class JobBook {
  readonly #journal: Journal;
  readonly #jobs = new Map<JobId, Job>();
  readonly #failures = new Map<RequestId, Failure>();
  readonly warnings: string[] = [];
  /** How often a job has changed: what was derived from them holds until it has again. */
  changes = 0;
  /** Records of its own that make no sense or do not follow: what they said is not known. */
  #skipped = 0;
  /** The last line of each job, while the next of its kind would say all that it says. */
  readonly #replaceable = new Map<JobId, JsonObject>();
  /** Lines without which every job is the same. */
  readonly #superseded = new Set<JsonObject>();

  constructor(journal: Journal) {
    this.#journal = journal;
    for (const line of journal.records()) {
      const read = readJobRecord(line);
      if (read.kind === "record") this.#apply(read.record);
      else if (read.kind === "malformed") this.#skip(`job ${JSON.stringify(line["job"])}: ${read.why}`);
    }
  }

  record(record: JobRecord): Job {
    const next = transition(this.#jobs.get(record.job), record);
    if (!next.ok) throw new Error(next.error);
    this.#journal.append(record);
    this.#apply(record);
    return next.value;
  }

  /**
   * Takes down a look at a batch. Journaled when it says more than before of the job's state; a batch that counts for days
   * costs a line for every tenth of its requests.
   */
  observe(job: Job, remote: BatchStatus, at: number): Job {
    const record = { t: "observed", job: job.id, remote, at } as const;
    if (isNews(job.remote, remote)) return this.record(record);
    const next = transition(job, record);
    if (!next.ok) throw new Error(next.error);
    this.#set(next.value);
    return next.value;
  }

  /** Writes the journal without the lines that say nothing any more, once it has grown. For the holder of the lock only. */
  compact(isWorthIt: (superseded: number, lines: number) => boolean = hasGrown): void {
    const records = this.#journal.records();
    // A line that could not be read may be what others hang on, and that it is there is told: such a journal stays as it is.
    if (!this.isWhole() || !isWorthIt(this.#superseded.size, records.length)) return;
    try {
      this.#journal.rewrite(records.filter((line) => !this.#superseded.has(line)));
    } catch (error) {
      // A disk that is full takes nothing from what there is.
      if (!(error instanceof ProblemError)) throw error;
    }
    this.#superseded.clear();
  }

  job(id: JobId): Job | undefined {
    return this.#jobs.get(id);
  }

  all(): readonly Job[] {
    return [...this.#jobs.values()];
  }

  /** Jobs that the provider may have in hand. */
  open(namespace: string): readonly Job[] {
    return this.all().filter((job) => job.namespace === namespace && isOpen(job));
  }

  /** The provider's ids of the batches that are known. */
  batchIds(): ReadonlySet<string> {
    return new Set(this.all().flatMap(({ batchId }) => (batchId === null ? [] : [batchId])));
  }

  /** True when every line of the journal was read and followed from the ones before: what it does not say was not done. */
  isWhole(): boolean {
    return this.#skipped === 0 && this.#journal.damaged() === 0;
  }

  failuresOf(id: RequestId): Failure | undefined {
    return this.#failures.get(id);
  }

  /** The id of the next job for these requests. Attempts are told apart, so no two jobs share an id. */
  nextJob(ids: readonly RequestId[]): { readonly id: JobId; readonly attempt: number } {
    for (let attempt = 1; ; attempt++) {
      const id = fingerprintOfJson([...ids, attempt]) as JobId;
      if (!this.#jobs.has(id)) return { id, attempt };
    }
  }

  #set(job: Job): void {
    this.#jobs.set(job.id, job);
    this.changes++;
  }

  #skip(why: string): void {
    this.#skipped++;
    this.warnings.push(`journal: ${why}; the record is skipped`);
  }

  #apply(record: JobRecord): void {
    const before = this.#jobs.get(record.job);
    const next = transition(before, record);
    if (!next.ok) {
      this.#skip(next.error);
      return;
    }
    this.#set(next.value);
    this.#supersede(record, before?.endedAt !== next.value.endedAt);
    if (record.t !== "collected") return;
    // Collected a second time (a file came late), a job is still one attempt.
    const counted = new Set(Object.values(before?.collected?.unanswered ?? {}).flat());
    for (const [why, ids] of Object.entries(record.result.unanswered)) {
      for (const id of ids) {
        const attempts = this.#failures.get(id as RequestId)?.attempts ?? 0;
        this.#failures.set(id as RequestId, { attempts: counted.has(id) ? attempts : attempts + 1, why });
      }
    }
  }

  /** A look or a create replaces the one before it, unless that one says when the batch was over, or no longer was. */
  #supersede(record: JobRecord, saysEnd: boolean): void {
    const before = this.#replaceable.get(record.job);
    if (before !== undefined && before["t"] === record.t) this.#superseded.add(before);
    this.#replaceable.delete(record.job);
    if ((record.t === "observed" && !saysEnd) || record.t === "creating") this.#replaceable.set(record.job, record);
  }
}

/** False when a look has shown nothing new. */
export function hasChanged(before: BatchStatus | null, seen: BatchStatus): boolean {
  const countsOf = ({ total, completed, failed }: BatchStatus) => [total, completed, failed].join();
  return before === null || saysMore(before, seen) || countsOf(before) !== countsOf(seen);
}

/** Whether a look is worth a line of the journal. */
function isNews(before: BatchStatus | null, seen: BatchStatus): boolean {
  if (before === null || saysMore(before, seen)) return true;
  const tenths = ({ total, completed, failed }: BatchStatus) => Math.floor(((completed + failed) * 10) / total);
  return isTerminal(seen.status) ? hasChanged(before, seen) : !Object.is(tenths(before), tenths(seen));
}

function saysMore(before: BatchStatus, seen: BatchStatus): boolean {
  return (
    before.status !== seen.status ||
    before.outputFileId !== seen.outputFileId ||
    before.errorFileId !== seen.errorFileId ||
    before.errors.length !== seen.errors.length
  );
}

/** Which records of a journal, asked in order, a job book would take: those of jobs that follow, and everything else. */
export function following(): (record: JsonObject) => boolean {
  const jobs = new Map<JobId, Job>();
  return (line) => {
    const read = readJobRecord(line);
    if (read.kind !== "record") return read.kind === "other";
    const next = transition(jobs.get(read.record.job), read.record);
    if (next.ok) jobs.set(read.record.job, next.value);
    return next.ok;
  };
}
