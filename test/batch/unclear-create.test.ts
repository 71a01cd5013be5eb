import { expect, test } from "vitest";
import type { Responses } from "../../src/api/responses.ts";
import type { JobRecord } from "../../src/batch/job.ts";
import { JobBook } from "../../src/batch/job-book.ts";
import { JOB_KEY } from "../../src/batch/listing.ts";
import type { BatchProvider, Call, Page, RemoteBatch } from "../../src/batch/provider.ts";
import { reconcile, submit } from "../../src/batch/send.ts";
import type { BlobStore, Clock } from "../../src/engine/ports.ts";
import { contextOf, jobOf, journalOf } from "./jobs.ts";

/*
 * A create whose call got no answer, against a provider that acts late and lists later still, on a clock of the test's own:
 * the double bill that a lag counted from when the create left would buy.
 */

const NO_RESPONSES: Responses = {
  lookup: () => undefined,
  add: () => undefined,
  readRaw: () => undefined,
  remember: () => undefined,
  entries: () => [],
};
const LAG = 60_000;
const TIME_OUT = 600_000;

/** Time passes only where somebody waits. */
class TestClock implements Clock {
  time = 1_700_000_000_000;
  /** How far the wall clock has been set away from the time that passes. */
  jumped = 0;
  now(): number {
    return this.time + this.jumped;
  }
  monotonic(): number {
    return this.time;
  }
  sleep(milliseconds: number): Promise<void> {
    this.time += milliseconds;
    return Promise.resolve();
  }
}

/** Acts on a create just before its call times out, and lists the batch just within the lag after that. */
class LateProvider {
  readonly creates: number[] = [];
  readonly #clock: TestClock;
  readonly #job: string;
  #listedFrom: number | undefined;

  constructor(clock: TestClock, job: string) {
    this.#clock = clock;
    this.#job = job;
  }

  /** The server acts now, whoever still listens. */
  act(): void {
    this.creates.push(this.#clock.time);
    this.#listedFrom ??= this.#clock.time + LAG - 1000;
  }

  as(): BatchProvider {
    const refuse = <T>(): Promise<Call<T>> => Promise.reject(new Error("not called here"));
    return {
      namespace: { id: "openai:test:-:-", kind: "openai" },
      simulated: false,
      upload: refuse,
      createBatch: async () => {
        this.#clock.time += TIME_OUT - 1;
        this.act();
        this.#clock.time += 1;
        return { ok: false, error: { kind: "ambiguous", message: "timed out" } };
      },
      retrieveBatch: refuse,
      listBatches: async (): Promise<Call<Page<RemoteBatch>>> => ({
        ok: true,
        value: { items: this.#isListed() ? [this.#batch()] : [], odd: 0, next: null, end: true },
      }),
      listFiles: refuse,
      serverNow: () => null,
      download: refuse,
      cancelBatch: refuse,
      answer: refuse,
      close: () => Promise.resolve(),
    };
  }

  #isListed(): boolean {
    return this.#listedFrom !== undefined && this.#clock.time >= this.#listedFrom;
  }

  #batch(): RemoteBatch {
    return {
      id: "batch_1",
      status: "validating",
      endpoint: "/v1/chat/completions",
      inputFileId: "file_1",
      outputFileId: null,
      errorFileId: null,
      errors: [],
      counts: { total: 1, completed: 0, failed: 0 },
      metadata: { [JOB_KEY]: this.#job },
      createdAt: Math.floor((this.creates[0] ?? 0) / 1000),
    };
  }
}

/** A book with one uploaded job, and the ports of a process that starts now. */
function setUp(clock: TestClock) {
  const book = new JobBook(journalOf([]));
  const shape = jobOf("intended");
  const intended: JobRecord = {
    t: "intended",
    v: 1,
    job: shape.id,
    namespace: "openai:test:-:-",
    requestFile: shape.requestFile,
    task: shape.task,
    model: shape.model,
    endpoint: shape.endpoint,
    attempt: 1,
    requests: 1,
    from: shape.from,
    lines: shape.lines,
    tokens: null,
    maxCostUsd: null,
    at: clock.time,
  };
  book.record(intended);
  book.record({ t: "uploaded", job: shape.id, file: "file_1", at: clock.time });
  const provider = new LateProvider(clock, shape.id);
  const blobs: Pick<BlobStore, "pathOf"> = { pathOf: () => "/nowhere" };
  const timing = { listingLagMs: LAG, unansweredMs: TIME_OUT, firstWaitMs: 1000, tries: 3 };
  const context = () =>
    contextOf({ provider: provider.as(), book, blobs: blobs as BlobStore, responses: NO_RESPONSES, clock, timing });
  const job = () => {
    const found = book.job(shape.id);
    if (found === undefined) throw new Error("the job is not in the book");
    return found;
  };
  return { book, provider, context, job };
}

test("a create that times out and was acted on at the last moment is adopted, not sent again", async () => {
  const clock = new TestClock();
  const { provider, context, job } = setUp(clock);
  const submitted = await submit(job(), context());
  expect(submitted).toMatchObject({ ok: true, value: { state: "submitted", batchId: "batch_1" } });
  expect(provider.creates).toHaveLength(1);
});

test("after a crash in a create that was acted on as the process died, the next process waits for the listing and adopts", async () => {
  const clock = new TestClock();
  const { book, provider, context, job } = setUp(clock);
  // The call has been open for minutes when the server acts and the process is killed.
  book.record({ t: "creating", job: job().id, at: clock.time });
  clock.time += TIME_OUT - 5000;
  provider.act();
  const settled = await reconcile(job(), context(), "send");
  expect(settled).toMatchObject({ ok: true, value: { state: "submitted", batchId: "batch_1" } });
  expect(provider.creates).toHaveLength(1);
});

test.each([86_400_000, -86_400_000])(
  "a wall clock that jumps by %i ms neither shortens the wait nor makes the intent older",
  async (jump) => {
    const clock = new TestClock();
    const { book, provider, context, job } = setUp(clock);
    book.record({ t: "creating", job: job().id, at: clock.now() });
    provider.act();
    clock.jumped = jump;
    const settled = await reconcile(job(), context(), "send");
    expect(settled).toMatchObject({ ok: true, value: { state: "submitted", batchId: "batch_1" } });
    expect(provider.creates).toHaveLength(1);
  },
);
