import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ResponseEntry } from "../../src/api/responses.ts";
import type { Collected, JobId, JobRecord } from "../../src/batch/job.ts";
import { JobBook } from "../../src/batch/job-book.ts";
import { Ledger } from "../../src/batch/ledger.ts";
import { shapeOf } from "../../src/batch/ledger-record.ts";
import { chargeOf, type Price, tallyOf } from "../../src/batch/money.ts";
import type { Journal } from "../../src/engine/ports.ts";
import { digestOf, fingerprintOf } from "../../src/graph/digest.ts";
import type { JsonObject, JsonValue } from "../../src/graph/json.ts";
import { initialiseStore } from "../../src/store/layout.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { jobOf, journalOf, remoteOf } from "./jobs.ts";
import { lineOf } from "./requests.ts";

/* One ledger over the real store: what was bought counts once, and what is not known is not nothing. */

const REAL = "openai:host:-:-";
/** A dollar a token in, two out; half of it in a batch. */
const PRICE: Price = {
  input_usd_per_mtok: 1e6,
  cached_input_usd_per_mtok: null,
  output_usd_per_mtok: 2e6,
  batch_discount: 0.5,
  context_window: null,
};
const usage = (input: number, output: number) => ({ input, cachedInput: 0, output });

function storeHere(): Store {
  const root = mkdtempSync(join(tmpdir(), "dsgen-ledger-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const cacheDir = join(root, ".dsgen-cache");
  initialiseStore(cacheDir);
  const store = openStore({ cacheDir, projectRoot: root });
  if (!store.ok) throw new Error(store.error.message);
  onTestFinished(() => store.value.close());
  return store.value;
}

function ledgerOf(store: Store, namespace = REAL): Ledger {
  return new Ledger({
    namespace,
    book: new JobBook(store.journal),
    journal: store.journal,
    indexes: store,
    priceOf: (model) => (model === "m" ? PRICE : undefined),
    clock: { now: () => 1 },
    planned: () => [],
  });
}

interface Sent {
  readonly namespace?: string;
  readonly task?: string;
  readonly model?: string;
  readonly from?: string;
  readonly maxCostUsd?: number | null;
}

/** Journals a job as far as `end`: collected with a result, lost, or still under way. */
function journalJob(
  store: { readonly journal: Journal },
  name: string,
  end: Partial<Collected> | "lost" | "open",
  sent: Sent = {},
): void {
  const book = new JobBook(store.journal);
  const { id: _, ...job } = jobOf("intended", { namespace: REAL, model: "m", maxCostUsd: 100 });
  const { namespace, requestFile, task, model, endpoint, attempt, requests, lines, tokens, maxCostUsd } = job;
  const id = fingerprintOf(name) as JobId;
  const intent = { namespace, requestFile, task, model, endpoint, attempt, requests, lines, tokens, maxCostUsd };
  const from = digestOf(sent.from ?? name);
  const result = { output: null, errors: null, answered: 0, refused: 0, unanswered: {}, usage: usage(0, 0) };
  const records: JobRecord[] = [
    { t: "intended", v: 1, job: id, ...intent, ...sent, from, at: 1 },
    { t: "submitted", job: id, batch: `batch_${name}`, createdAt: 1, adopted: false, at: 1 },
    ...(end === "open" ? [] : [{ t: "observed", job: id, remote: remoteOf("completed"), at: 1 } as const]),
    ...(end === "lost" ? [{ t: "lost", job: id, why: "gone", at: 1 } as const] : []),
    ...(typeof end === "string" ? [] : [{ t: "collected", job: id, result: { ...result, ...end }, at: 1 } as const]),
  ];
  for (const record of records) book.record(record);
}

/** Stores an answer as a real-time call leaves it, and tells no ledger. */
async function storeAnswer(
  store: Store,
  body: JsonObject,
  sample = 0,
  namespaces: readonly string[] = [REAL],
  { kind, error }: { kind: "answer" | "refusal"; error: JsonValue } = { kind: "answer", error: null },
) {
  const line = lineOf({ model: "m" }, sample);
  const raw = JSON.stringify({ custom_id: line.customId, response: { status_code: 200, body }, error, sample });
  const blob = (await store.blobs.put(raw)).digest;
  const entry = { requestId: line.id, blob, offset: 0, length: Buffer.byteLength(raw), jobId: "direct" } as const;
  for (const namespace of namespaces)
    store.responses(namespace).add([{ ...entry, kind, batchId: null, via: "direct" }]);
  return { line, raw, blob };
}

const answered = (input: number, output: number) => ({
  model: "m",
  usage: { prompt_tokens: input, completion_tokens: output },
});

describe("what was spent", () => {
  test("is what jobs came to at the batch price, and direct answers at the full one, by task and in all", async () => {
    const store = storeHere();
    journalJob(store, "one", { answered: 2, usage: usage(10, 5) }, { task: "a" });
    journalJob(store, "two", { answered: 1, usage: usage(4, 0) }, { task: "b" });
    const ledger = ledgerOf(store);
    const { blob } = await storeAnswer(store, answered(3, 1));
    const of = { model: "m", task: "b", from: digestOf("file"), maxCostUsd: 50 };
    ledger.boughtDirectly({ ...of, ...tallyOf([usage(3, 1)]) }, blob);
    expect([ledger.spending().spent, ledger.spending("a").spent, ledger.spending("b").spent]).toEqual([17, 10, 7]);
    expect(ledger.spendingNow().spent).toBe(5);
    // A call that was charged for without an answer costs as much.
    ledger.boughtDirectly({ ...of, ...chargeOf(usage(1, 0)) }, digestOf("failure"));
    expect(ledger.spendingNow().spent).toBe(6);
    // Another process reads the same, and has spent nothing itself.
    expect([ledgerOf(store).spending().spent, ledgerOf(store).spendingNow().spent]).toEqual([18, 0]);
    expect(ledger.report().spent).toMatchObject([
      { task: "a", via: "batch", answers: 2, usd: 10 },
      { task: "b", via: "batch", answers: 1, usd: 2 },
      { task: "b", via: "direct", answers: 1, usd: 6 },
    ]);
  });

  test("counts an answer that is stored and not journaled once: before it is journaled, and after", async () => {
    const store = storeHere();
    await storeAnswer(store, answered(3, 1));
    await storeAnswer(store, { model: "m", choices: [{ message: { content: "hm" } }] }, 1);
    const before = ledgerOf(store).report();
    expect(before.spent).toMatchObject([{ task: "task", via: "direct", answers: 2, unreported: 1, usd: 5 }]);
    const journaled = store.journal.records().length;
    const ledger = ledgerOf(store);
    ledger.settle();
    expect(ledger.report()).toEqual(before);
    expect(store.journal.records()).toHaveLength(journaled + 1);
    ledgerOf(store).settle();
    expect(ledgerOf(store).report()).toEqual(before);
    expect(store.journal.records()).toHaveLength(journaled + 1);
  });

  test("counts a charge without an answer that is stored and not journaled, by the model it names", async () => {
    const store = storeHere();
    const of = { kind: "refusal", error: { code: "content_filter", message: "no" } } as const;
    await storeAnswer(store, answered(3, 0), 0, [REAL], of);
    await storeAnswer(store, { model: "m" }, 1, [REAL], of);
    expect(ledgerOf(store).report().spent).toMatchObject([{ via: "direct", answers: 0, unreported: 0, usd: 3 }]);
    ledgerOf(store).settle();
    expect(ledgerOf(store).spending().spent).toBe(3);
  });

  test("counts what is taken in from one file in two goes, and pays nothing for it", async () => {
    const store = storeHere();
    const ledger = ledgerOf(store);
    for (const sample of [0, 1]) {
      const { line, raw } = await storeAnswer(storeHere(), answered(3, 1), sample);
      const place = { blob: digestOf("file"), offset: sample, length: raw.length, jobId: "import", batchId: null };
      ledger.tookIn([{ namespace: REAL, raw, entry: { ...place, requestId: line.id, kind: "answer", via: "import" } }]);
    }
    expect(ledgerOf(store).report().spent).toMatchObject([{ via: "import", answers: 2, usd: 0 }]);
  });

  test("counts a batch whose job the journal has lost, and once when that is found again", async () => {
    const store = storeHere();
    const { line, blob, raw } = await storeAnswer(storeHere(), answered(3, 1));
    await store.blobs.put(raw);
    const entry = { requestId: line.id, blob, offset: 0, length: Buffer.byteLength(raw), kind: "answer" } as const;
    store.responses(REAL).add([{ ...entry, jobId: fingerprintOf("lost-line"), batchId: "batch_1", via: "batch" }]);
    expect(ledgerOf(store).spending().spent).toBe(2.5);
    ledgerOf(store).settle();
    expect(ledgerOf(store).spending().spent).toBe(2.5);
    journalJob(store, "lost-line", { answered: 1, usage: usage(3, 1) });
    expect(ledgerOf(store).spending().spent).toBe(2.5);
  });

  test("counts an answer once that two namespaces hold", async () => {
    const store = storeHere();
    await storeAnswer(store, answered(3, 1), 0, [REAL, "openai:other:-:-"]);
    expect(ledgerOf(store).spending().spent).toBe(5);
    ledgerOf(store).settle();
    expect(ledgerOf(store, "openai:other:-:-").spending().spent).toBe(5);
  });

  test("is this project's under any address, but no simulator's bill is another's", () => {
    const store = storeHere();
    journalJob(store, "here", { answered: 1, usage: usage(2, 0) });
    journalJob(store, "there", { answered: 1, usage: usage(4, 0) }, { namespace: "openai:other:org:-" });
    journalJob(store, "made-up", { answered: 1, usage: usage(8, 0) }, { namespace: "simulator:1" });
    journalJob(store, "open", "open", { namespace: "openai:other:org:-", maxCostUsd: 9 });
    expect(ledgerOf(store).spending().spent).toBe(3);
    expect(ledgerOf(store).spending().inFlight).toBe(9);
    expect(ledgerOf(store, "simulator:1").spending().spent).toBe(4);
    expect(ledgerOf(store, "simulator:1").spending().inFlight).toBe(0);
    expect(ledgerOf(store, "simulator:2").spending().spent).toBe(0);
  });

  test("is what it was allowed to be, where the provider did not say; the report says at least", () => {
    const store = storeHere();
    journalJob(store, "odd", { answered: 2, unreported: 1, usage: usage(10, 0) }, { maxCostUsd: 30 });
    expect(ledgerOf(store).spending().spent).toBe(30);
    expect(ledgerOf(store).report().spent).toMatchObject([{ answers: 2, unreported: 1, usd: 5 }]);
    journalJob(store, "silent", { answered: 1, unreported: 1 }, { maxCostUsd: null });
    expect(ledgerOf(store).spending().spent).toBeNull();
  });

  test("holds batches whose answers are lost at their most: they were executed", () => {
    const store = storeHere();
    journalJob(store, "gone", "lost", { maxCostUsd: 7 });
    expect(ledgerOf(store).spending().spent).toBe(7);
    expect(ledgerOf(store).report()).toMatchObject({
      spent: [{ answers: 10, unreported: 10, usd: null }],
      spentUsd: null,
    });
  });

  test("is unknown for a model without a price", () => {
    const store = storeHere();
    journalJob(store, "one", { answered: 1, usage: usage(1, 1) }, { model: "unpriced", task: "a" });
    journalJob(store, "two", { answered: 1, usage: usage(2, 0) }, { task: "b" });
    expect([ledgerOf(store).spending().spent, ledgerOf(store).spending("b").spent]).toEqual([null, 1]);
  });

  test("adds up, whatever was bought", () => {
    const purchase = fc.record({ answered: fc.integer({ min: 1, max: 9 }), input: fc.nat(99), output: fc.nat(99) });
    fc.assert(
      fc.property(fc.array(purchase, { maxLength: 6 }), (purchases) => {
        const journal = journalOf([]);
        for (const [i, { answered: answers, input, output }] of purchases.entries())
          journalJob({ journal }, `${i}`, { answered: answers, usage: usage(input, output) });
        const sources = { namespace: REAL, book: new JobBook(journal), journal, priceOf: () => PRICE };
        const nothing = { namespaces: () => [], responses: () => expect.fail("there are no answers to read") };
        const ledger = new Ledger({ ...sources, indexes: nothing, clock: { now: () => 1 }, planned: () => [] });
        const sum = purchases.reduce((total, { input, output }) => total + (input + 2 * output) / 2, 0);
        expect(ledger.spending().spent).toBeCloseTo(sum, 9);
        const { spent } = ledger.report();
        expect(spent.reduce((total, { answers }) => total + answers, 0)).toBe(
          purchases.reduce((total, { answered: answers }) => total + answers, 0),
        );
      }),
    );
  });
});

test("what reuse has saved is noted with the last answer of a file that is read, once, and never of a job cut from it", () => {
  const store = storeHere();
  journalJob(store, "ours", {}, { from: "file" });
  journalJob(store, "theirs", {}, { from: "another file" });
  const ledger = ledgerOf(store);
  const of = { from: digestOf("file"), task: "t", model: "m", requests: 3 };
  const answerOf = (job: string): ResponseEntry => ({
    ...{ requestId: fingerprintOf(job), blob: digestOf(job), offset: 0, length: 1, kind: "answer", via: "batch" },
    ...{ jobId: fingerprintOf(job), batchId: null },
  });
  const read = (jobs: readonly string[]) => {
    const note = ledger.reuseOf(of);
    for (const job of jobs) note(answerOf(job), usage(10, 1));
    return ledger.report().saved.map(({ requests, usd }) => [requests, usd]);
  };
  expect(read(["theirs", "ours"])).toEqual([]);
  expect(read(["ours", "ours", "ours"])).toEqual([]);
  expect(read(["theirs", "ours", "theirs"])).toEqual([[2, 12]]);
  expect(read(["theirs", "theirs", "theirs"])).toEqual([[2, 12]]);
  expect(ledgerOf(store).report().saved).toHaveLength(1);
});

describe("what answers so far came to", () => {
  const line = lineOf({ model: "m", messages: [] });
  const as = { task: "t", model: "m", shape: shapeOf(line), entries: 10 };

  test("is reckoned by the entries that were asked for", () => {
    const store = storeHere();
    const ledger = ledgerOf(store);
    ledger.noteAsked(digestOf("file"), as);
    journalJob(store, "one", { answered: 4, usage: usage(1, 800) }, { from: "file" });
    expect(ledgerOf(store).meanOutput(as)).toBe(200);
    expect(ledgerOf(store).meanOutput({ ...as, entries: 20 })).toBe(400);
    expect(ledgerOf(store).meanOutput({ ...as, entries: null })).toBe(20);
    // Of requests before they were noted, nothing is known but that they were this task's.
    const old = storeHere();
    journalJob(old, "one", { answered: 4, usage: usage(1, 800) });
    expect(ledgerOf(old).meanOutput({ ...as, entries: 20 })).toBe(200);
  });

  test("says nothing of other models, tasks or ways of answering, and leaves out what was not counted", () => {
    const store = storeHere();
    ledgerOf(store).noteAsked(digestOf("file"), as);
    journalJob(store, "one", { answered: 5, unreported: 1, usage: usage(1, 800) }, { from: "file" });
    const ledger = ledgerOf(store);
    expect(ledger.meanOutput(as)).toBe(200);
    expect(ledger.meanOutput({ ...as, task: "u" })).toBeNull();
    expect(ledger.meanOutput({ ...as, model: "n" })).toBeNull();
    const thinking = shapeOf(lineOf({ model: "m", messages: [], reasoning_effort: "high" }));
    expect(ledger.meanOutput({ ...as, shape: thinking })).toBeNull();
    expect(shapeOf(lineOf({ model: "m", messages: [{ role: "user" }], temperature: 1 }))).toBe(as.shape);
  });

  test("knows what was asked directly, as a pilot is", async () => {
    const store = storeHere();
    const ledger = ledgerOf(store);
    ledger.noteAsked(digestOf("file"), as);
    const { blob } = await storeAnswer(store, answered(3, 70));
    const of = { model: "m", task: "t", from: digestOf("file"), maxCostUsd: null };
    ledger.boughtDirectly({ ...of, ...tallyOf([usage(3, 70)]) }, blob);
    expect(ledgerOf(store).meanOutput(as)).toBe(70);
  });
});
