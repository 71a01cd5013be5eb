import type { RequestId } from "../api/request-file.ts";
import type { Journal } from "../engine/ports.ts";
import { fingerprintOfJson } from "../graph/digest.ts";
import type { JsonObject } from "../graph/json.ts";
import { isOpen, type Job, type JobId, type JobRecord, transition } from "./job.ts";
import { readJobRecord } from "./job-record.ts";

/**
 * The jobs of a project: a fold over the journal. Recording writes the journal first, then memory, so that memory never
 * knows a step that a crash could forget.
 */
export class JobBook {
  readonly #journal: Journal;
  readonly #jobs = new Map<JobId, Job>();
  readonly #failures = new Map<RequestId, Failure>();
  readonly warnings: string[] = [];
  /** Records of its own that make no sense or do not follow: what they said is not known. */
  #skipped = 0;

  constructor(journal: Journal) {
    this.#journal = journal;
    for (const line of journal.records()) {
      const read = readJobRecord(line);
      if (read.kind === "record") this.#apply(read.record);
      else if (read.kind === "malformed") {
        this.#skipped++;
        this.warnings.push(`journal: job ${JSON.stringify(line["job"])}: ${read.why}; the record is skipped`);
      }
    }
  }

  record(record: JobRecord): Job {
    const next = transition(this.#jobs.get(record.job), record);
    if (!next.ok) throw new Error(next.error);
    this.#journal.append(record);
    this.#apply(record);
    return next.value;
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

  /** True when every line of the journal was read and followed from the ones before: what it does not say was not done. */
  isWhole(): boolean {
    return this.#skipped === 0 && this.#journal.damaged() === 0;
  }

  /** How often a request was executed in vain, and the last reason. */
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

  #apply(record: JobRecord): void {
    const before = this.#jobs.get(record.job);
    const next = transition(before, record);
    if (!next.ok) {
      this.#skipped++;
      this.warnings.push(`journal: ${next.error}; the record is skipped`);
      return;
    }
    this.#jobs.set(record.job, next.value);
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

export interface Failure {
  readonly attempts: number;
  readonly why: string;
}
