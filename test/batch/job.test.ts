import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RequestId } from "../../src/api/request-file.ts";
import { isOpen, isTerminal, type Job, type JobId, type JobRecord, transition } from "../../src/batch/job.ts";
import { following, JobBook } from "../../src/batch/job-book.ts";
import type { RemoteStatus } from "../../src/batch/provider.ts";
import { digestOf, fingerprintOf } from "../../src/graph/digest.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../src/graph/json.ts";
import { ProblemError } from "../../src/graph/problem.ts";
import { journalOf } from "./jobs.ts";

/*
 * The state machine that money hangs on. What is checked here is not the table again, but what it must never allow.
 */

const STATUSES: readonly RemoteStatus[] = [
  "unknown",
  "validating",
  "failed",
  "in_progress",
  "finalizing",
  "completed",
  "expired",
  "cancelling",
  "cancelled",
];

const jobs = ["one", "two"].map((name) => fingerprintOf(name) as JobId);
const requests = ["r1", "r2", "r3"].map((name) => fingerprintOf(name) as RequestId);

const job = fc.constantFrom(...jobs);
const at = fc.nat();
const status = fc.constantFrom(...STATUSES);

const intended = (id: JobId, at: number): JobRecord => ({
  t: "intended",
  v: 1,
  job: id,
  namespace: "simulator:1",
  requestFile: "requests/t/request_batch0.jsonl",
  task: "t",
  model: "m",
  endpoint: "/v1/chat/completions",
  attempt: 1,
  requests: 3,
  from: digestOf("from"),
  lines: digestOf("lines"),
  tokens: 100,
  maxCostUsd: null,
  at,
});

const observed = (id: JobId, status: RemoteStatus, at = 0): JobRecord => {
  const remote = { status, total: 3, completed: 1, failed: 0, outputFileId: null, errorFileId: null, errors: [] };
  return { t: "observed", job: id, remote, at };
};

const collected = (id: JobId, unanswered: readonly RequestId[], lost: readonly string[] = [], at = 0): JobRecord => {
  const usage = { input: 1, cachedInput: 0, output: 1 };
  const result = { output: null, errors: null, answered: 3 - unanswered.length, refused: 0, usage };
  return { t: "collected", job: id, result: { ...result, lost, unanswered: { batch_expired: unanswered } }, at };
};

const record: fc.Arbitrary<JobRecord> = fc.oneof(
  fc.tuple(job, at).map(([id, when]) => intended(id, when)),
  fc.record({ t: fc.constant("uploaded" as const), job, file: fc.string(), at }),
  fc.record({ t: fc.constant("creating" as const), job, at }),
  fc.record({
    t: fc.constant("submitted" as const),
    job,
    batch: fc.string(),
    createdAt: at,
    adopted: fc.boolean(),
    at,
  }),
  fc.tuple(job, status, at).map(([id, remote, when]) => observed(id, remote, when)),
  fc.tuple(job, fc.subarray(requests), at).map(([id, unanswered, when]) => collected(id, unanswered, [], when)),
  fc.record({ t: fc.constant("abandoned" as const), job, why: fc.string(), at }),
  fc.record({ t: fc.constant("lost" as const), job, why: fc.string(), at }),
  fc.record({ t: fc.constant("forgotten" as const), job, at }),
);

/** A record as the journal gives it back. */
function reread(one: JobRecord): JsonObject {
  const value: unknown = JSON.parse(JSON.stringify(one));
  if (!isJsonObject(value)) throw new Error("a record is an object");
  return value;
}

/** The job after these records, all of which must follow. */
function jobAfter(...records: readonly JobRecord[]): Job {
  let state: Job | undefined;
  for (const one of records) {
    const next = transition(state, one);
    if (!next.ok) throw new Error(next.error);
    state = next.value;
  }
  if (state === undefined) throw new Error("no records");
  return state;
}

const [ONE] = jobs as [JobId, ...JobId[]];
const uploaded: JobRecord = { t: "uploaded", job: ONE, file: "file-1", at: 2 };
const creating: JobRecord = { t: "creating", job: ONE, at: 3 };
const submitted: JobRecord = { t: "submitted", job: ONE, batch: "batch_1", createdAt: 4, adopted: false, at: 4 };
const abandoned: JobRecord = { t: "abandoned", job: ONE, why: "refused", at: 5 };
const lost: JobRecord = { t: "lost", job: ONE, why: "gone", at: 6 };
const SENT: readonly JobRecord[] = [intended(ONE, 1), uploaded, creating, submitted];

function follows(before: readonly JobRecord[], next: JobRecord): boolean {
  return transition(before.length === 0 ? undefined : jobAfter(...before), next).ok;
}

describe("a job", () => {
  test("goes its way from intent to collection, and keeps what each step told it", () => {
    const done = jobAfter(
      ...SENT,
      ...STATUSES.filter((s) => s !== "failed" && !isTerminal(s)).map((s) => observed(ONE, s, 7)),
      observed(ONE, "completed", 8),
      collected(ONE, [], [], 9),
    );
    expect(done).toMatchObject({
      state: "collected",
      fileId: "file-1",
      batchId: "batch_1",
      createdAt: 4,
      intendedAt: 1,
      changedAt: 9,
    });
    expect(done.remote?.status).toBe("completed");
    expect(isOpen(done)).toBe(false);
  });

  test("begins with its intent, once", () => {
    for (const first of [
      uploaded,
      creating,
      submitted,
      observed(ONE, "completed"),
      collected(ONE, []),
      abandoned,
      lost,
    ])
      expect(follows([], first)).toBe(false);
    expect(follows([intended(ONE, 1)], intended(ONE, 2))).toBe(false);
  });

  test("that was submitted is never given up while it may have been executed", () => {
    expect(follows(SENT, abandoned)).toBe(false);
    for (const status of STATUSES)
      expect(follows([...SENT, observed(ONE, status)], abandoned)).toBe(status === "failed");
  });

  test("is collected only when the provider is done with it, and only once", () => {
    expect(follows(SENT, collected(ONE, []))).toBe(false);
    for (const status of STATUSES)
      expect(follows([...SENT, observed(ONE, status)], collected(ONE, []))).toBe(
        isTerminal(status) || status === "unknown",
      );
    expect(follows([...SENT, observed(ONE, "completed"), collected(ONE, [])], collected(ONE, []))).toBe(false);
  });

  test("that was collected stays so, unless it is looked at once more for what was lost", () => {
    const done = [...SENT, observed(ONE, "completed"), collected(ONE, [])];
    for (const next of [...SENT, abandoned, lost]) expect(follows(done, next)).toBe(false);
    expect(follows(done, observed(ONE, "completed"))).toBe(true);
    const forgotten = jobAfter(...done.slice(0, -1), collected(ONE, [], ["a"]), { t: "forgotten", job: ONE, at: 9 });
    expect(forgotten).toMatchObject({ state: "collected", collected: { lost: [] } });
  });

  test("of which nothing is known is free again when a person says so", () => {
    const forgotten: JobRecord = { t: "forgotten", job: ONE, at: 9 };
    for (const known of [SENT.slice(0, 1), SENT, [...SENT, observed(ONE, "completed"), lost]])
      expect(jobAfter(...known, forgotten).state).toBe("abandoned");
    expect(follows([...SENT.slice(0, 2), abandoned], forgotten)).toBe(false);
  });

  test("given up too early is taken back when its batch shows up", () => {
    const back = jobAfter(...SENT.slice(0, 3), abandoned, submitted);
    expect(back).toMatchObject({ state: "submitted", batchId: "batch_1", why: null });
    expect(isOpen(back)).toBe(true);
  });

  test("whose output was gone can still be collected when it is there again", () => {
    const gone = [...SENT, observed(ONE, "completed"), lost];
    expect(isOpen(jobAfter(...gone))).toBe(false);
    expect(follows(gone, collected(ONE, []))).toBe(true);
    expect(follows(gone, abandoned)).toBe(false);
  });

  test("left alone by a record that does not follow", () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 30 }), (records) => {
        let state: Job | undefined;
        for (const one of records.filter(({ job: id }) => id === ONE)) {
          const before = JSON.stringify(state);
          const next = transition(state, one);
          expect(JSON.stringify(state)).toBe(before);
          if (next.ok) state = next.value;
          else expect(next.error).toContain(`"${one.t}"`);
        }
      }),
    );
  });
});

describe("the job book", () => {
  test("reads any sequence of records without throwing, and warns of each that does not follow", () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 40 }), (records) => {
        const book = new JobBook(journalOf(records.map(reread)));
        let refused = 0;
        const states = new Map<JobId, Job>();
        for (const one of records) {
          const next = transition(states.get(one.job), one);
          if (next.ok) states.set(one.job, next.value);
          else refused++;
        }
        expect(book.warnings.length).toBe(refused);
        expect(book.all()).toEqual([...states.values()]);
        for (const each of book.all()) expect(book.open(each.namespace).includes(each)).toBe(isOpen(each));
      }),
    );
  });

  test("writes what follows, then remembers it; refuses what does not, and writes nothing", () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 40 }), (records) => {
        const journal = journalOf([]);
        const book = new JobBook(journal);
        for (const one of records) {
          const [lines, before] = [journal.kept.length, book.job(one.job)];
          if (transition(before, one).ok) {
            expect(book.record(one)).toEqual(book.job(one.job));
            expect(journal.kept.length).toBe(lines + 1);
          } else {
            expect(() => book.record(one)).toThrow("does not follow");
            expect(journal.kept.length).toBe(lines);
            expect(book.job(one.job)).toBe(before);
          }
        }
        const again = new JobBook(journalOf(journal.kept));
        expect(again.all()).toEqual(book.all());
        expect(again.warnings).toEqual([]);
        for (const id of requests) expect(again.failuresOf(id)).toEqual(book.failuresOf(id));
      }),
    );
  });

  test("survives whatever stands in a journal line, and keeps the jobs it can read", () => {
    const damaged: fc.Arbitrary<JsonValue> = fc.tuple(record, fc.nat(), fc.jsonValue()).map(([one, pick, noise]) => {
      const value = { ...reread(one) };
      const keys = Object.keys(value).filter((key) => key !== "v" && key !== "t");
      const key = keys[pick % keys.length] ?? "at";
      return { ...value, [key]: JSON.parse(JSON.stringify(noise)) };
    });
    const anything = fc.oneof(
      damaged,
      fc.json().map((text): JsonValue => JSON.parse(text)),
    );
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 20 }), (noise) => {
        const objects = noise.filter(isJsonObject).filter((one) => one["job"] !== ONE);
        const whole = [...SENT, observed(ONE, "completed")].map(reread);
        const mixed = whole.flatMap((one, i) => [one, ...objects.slice(i * 4, i * 4 + 4)]);
        const book = new JobBook(journalOf(mixed));
        expect(book.job(ONE)?.state).toBe("completed");
        for (const each of book.all()) isOpen(each);
      }),
    );
  });

  test.each<[string, JsonObject]>([
    ["an observation without its batch", { t: "observed", job: ONE, at: 1 }],
    ["a status nobody knows", { ...reread(observed(ONE, "completed")), remote: { status: "paused", errors: [] } }],
    ["a result that is none", { t: "collected", job: ONE, result: { unanswered: 5 }, at: 1 }],
    ["a batch without its id", { t: "submitted", job: ONE, at: 1 }],
  ])("skips %s, with a warning", (_what, bad) => {
    const book = new JobBook(journalOf([...[...SENT, observed(ONE, "completed")].map(reread), bad]));
    expect(book.warnings).toHaveLength(1);
    expect(book.job(ONE)?.state).toBe("completed");
  });

  test("refuses a journal of a later format: a job it could not read might be bought twice", () => {
    const later = { ...reread(intended(ONE, 1)), v: 2 };
    const read = () => new JobBook(journalOf([later]));
    expect(read).toThrow(ProblemError);
    expect(read).toThrow(/version 2/);
  });

  test("counts how often a request was executed in vain, with the last reason", () => {
    const [first, second] = requests as [RequestId, RequestId, ...RequestId[]];
    const expired = observed(ONE, "expired");
    const book = new JobBook(journalOf([...SENT, expired, collected(ONE, [first, second])].map(reread)));
    expect(book.failuresOf(first)).toEqual({ attempts: 1, why: "batch_expired" });
    expect(book.failuresOf("none" as RequestId)).toBeUndefined();
  });

  test("gives every attempt at the same requests an id of its own, the same in every process", () => {
    const journal = journalOf([]);
    const book = new JobBook(journal);
    const ids = new Set<string>();
    for (let attempt = 1; attempt <= 4; attempt++) {
      const next = book.nextJob(requests);
      expect(next).toEqual(new JobBook(journalOf(journal.kept)).nextJob(requests));
      expect(next.attempt).toBe(attempt);
      ids.add(next.id);
      book.record({ ...intended(next.id, attempt), job: next.id } as JobRecord);
    }
    expect(ids.size).toBe(4);
    expect(ids.has(book.nextJob(requests.slice(1)).id)).toBe(false);
    expect(book.nextJob([...requests].reverse()).attempt).toBe(1);
  });

  test("costs no line for a look that shows only that a few requests more were counted", () => {
    const journal = journalOf([...SENT, observed(ONE, "in_progress")].map(reread));
    const book = new JobBook(journal);
    const lines = journal.kept.length;
    for (let completed = 0; completed <= 1000; completed++) {
      const job = book.job(ONE);
      if (job?.remote == null) throw new Error("the job was observed");
      const seen = book.observe(job, { ...job.remote, total: 1000, completed }, completed);
      expect(seen.remote?.completed).toBe(completed);
    }
    expect(journal.kept.length - lines).toBeLessThanOrEqual(11);
    const job = book.job(ONE);
    if (job?.remote == null) throw new Error("the job was observed");
    book.observe(job, { ...job.remote, status: "completed", outputFileId: "file-2" }, 5000);
    expect(new JobBook(journalOf(journal.kept)).job(ONE)).toEqual(book.job(ONE));
  });

  test("writes its journal anew with the same jobs, failures and other lines, wherever it is cut off and goes on", () => {
    const other = fc.record({ t: fc.constant("import"), namespace: fc.string(), at });
    const lines = fc.array(fc.oneof({ weight: 9, arbitrary: record.map(reread) }, other), { maxLength: 60 });
    fc.assert(
      fc.property(lines, fc.nat(), (all, cut) => {
        const follows = following();
        const whole = all.filter((line) => follows(line));
        const prefix = whole.slice(0, cut % (whole.length + 1));
        const journal = journalOf(prefix);
        const book = new JobBook(journal);
        book.compact(() => true);
        const others = (list: readonly JsonObject[]) => list.filter(({ t }) => t === "import");
        expect(others(journal.kept)).toEqual(others(prefix));
        // Written anew or not, what comes after it follows as before.
        const after = [...journal.kept, ...whole.slice(prefix.length)];
        const [again, plain] = [new JobBook(journalOf(after)), new JobBook(journalOf(whole))];
        expect(again.warnings).toEqual([]);
        expect(again.all()).toEqual(plain.all());
        for (const id of requests) expect(again.failuresOf(id)).toEqual(plain.failuresOf(id));
        expect(new JobBook(journalOf(journal.kept)).all()).toEqual(book.all());
      }),
      { numRuns: 500 },
    );
  });

  test("writes a journal that old looks have filled down to what it says, and one that is damaged not at all", () => {
    const looks = Array.from({ length: 2000 }, (_, n) => reread(observed(ONE, "in_progress", n)));
    const records = [...SENT.map(reread), ...looks, reread(observed(ONE, "completed", 9999))];
    const journal = journalOf(records);
    new JobBook(journal).compact();
    expect(journal.kept.map(({ t }) => t)).toEqual([...SENT.map(({ t }) => t), "observed"]);
    const damaged = { ...journalOf(records), damaged: () => 1 };
    new JobBook(damaged).compact();
    expect(damaged.kept).toHaveLength(records.length);
    const few = journalOf(records.slice(0, 100));
    new JobBook(few).compact();
    expect(few.kept).toHaveLength(100);
  });

  test("leaves other records of the journal alone", () => {
    const book = new JobBook(journalOf([{ t: "import", namespace: "x", answers: 1, blob: "b", at: 1 }]));
    expect(book.all()).toEqual([]);
    expect(book.warnings).toEqual([]);
  });
});
