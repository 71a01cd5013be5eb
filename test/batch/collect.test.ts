import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ResponseEntry } from "../../src/api/responses.ts";
import { collect } from "../../src/batch/collect.ts";
import type { BatchStatus, Job, JobRecord } from "../../src/batch/job.ts";
import { JobBook } from "../../src/batch/job-book.ts";
import type { BatchProvider, Call } from "../../src/batch/provider.ts";
import { digestOf, fingerprintOf } from "../../src/graph/digest.ts";
import { initialiseStore } from "../../src/store/layout.ts";
import { openStore } from "../../src/store/store.ts";
import { contextOf, jobOf, remoteOf } from "./jobs.ts";
import { lineOf } from "./requests.ts";

/*
 * Taking in what a finished batch produced, over the real store: what counts as answered, and that every token counts once.
 */

const LINES = [0, 1, 2, 3].map((sample) => lineOf({ model: "gpt-4o-mini" }, sample));
const NAMESPACE = "simulator:1";

/** One output line for the n-th request. */
function said(n: number, response: unknown, error: unknown = null): string {
  return JSON.stringify({ id: `batch_req_${n}`, custom_id: LINES[n]?.customId ?? `request-${n}`, response, error });
}

const answered = (n: number) =>
  said(n, { status_code: 200, body: { usage: { prompt_tokens: 100, completion_tokens: 10 } } });
const refused = (n: number) => said(n, { status_code: 400, body: { error: { message: "bad" } } });
const expired = (n: number) => said(n, null, { code: "batch_expired", message: "expired" });

/** Collects a batch whose output and error files hold these texts; each download takes the next of its texts. */
async function collected(
  files: Readonly<Record<"output" | "errors", readonly string[] | null>>,
  status: BatchStatus["status"] = "completed",
  { last = true, ...counts }: Partial<BatchStatus> & { readonly last?: boolean } = {},
  before: readonly ResponseEntry[] = [],
) {
  const root = mkdtempSync(join(tmpdir(), "dsgen-collect-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const cacheDir = join(root, ".dsgen-cache");
  initialiseStore(cacheDir);
  const store = openStore({ cacheDir, projectRoot: root });
  if (!store.ok) throw new Error(store.error.message);
  onTestFinished(() => store.value.close());
  const downloads: string[] = [];
  const book = new JobBook(store.value.journal);
  const job = recorded(book, status);
  const responses = store.value.responses(NAMESPACE);
  const context = contextOf(
    {
      provider: provider(files, downloads),
      book,
      blobs: store.value.blobs,
      responses,
      clock: { now: () => 1, monotonic: () => 1, sleep: () => Promise.resolve() },
      timing: { listingLagMs: 0, firstWaitMs: 1, tries: 3, unansweredMs: 0 },
    },
    { scratch: store.value.paths.tmp },
  );
  responses.add(before);
  const remote = remoteOf(status, {
    outputFileId: files.output === null ? null : "output",
    errorFileId: files.errors === null ? null : "errors",
    ...counts,
  });
  const report = await collect(job, remote, LINES, last, context);
  return { report, downloads, responses, job: book.job(job.id) };
}

function recorded(book: JobBook, status: BatchStatus["status"]): Job {
  const { id, ...rest } = jobOf("intended", { requests: LINES.length });
  const { namespace, requestFile, task, model, endpoint, attempt, requests, from, lines, tokens, maxCostUsd } = rest;
  const records: JobRecord[] = [
    {
      t: "intended",
      v: 1,
      job: id,
      namespace,
      requestFile,
      task,
      model,
      endpoint,
      attempt,
      requests,
      from,
      lines,
      tokens,
      maxCostUsd,
      at: 1,
    },
    { t: "submitted", job: id, batch: "batch_1", createdAt: 1, adopted: false, at: 1 },
    { t: "observed", job: id, remote: remoteOf(status), at: 1 },
  ];
  for (const record of records) book.record(record);
  const job = book.job(id);
  if (job === undefined) throw new Error("the job was just recorded");
  return job;
}

function provider(files: Readonly<Record<string, readonly string[] | null>>, downloads: string[]): BatchProvider {
  const never = (): Promise<Call<never>> => Promise.reject(new Error("collecting asks for nothing else"));
  return {
    namespace: { id: NAMESPACE, kind: "simulator" },
    simulated: true,
    upload: never,
    createBatch: never,
    retrieveBatch: never,
    listBatches: never,
    listFiles: never,
    cancelBatch: never,
    answer: never,
    serverNow: () => null,
    close: () => Promise.resolve(),
    download: (fileId, destination) => {
      const texts = files[fileId] ?? [];
      const text = texts[Math.min(downloads.filter((id) => id === fileId).length, texts.length - 1)] ?? "";
      downloads.push(fileId);
      writeFileSync(destination, text);
      return Promise.resolve({
        ok: true,
        value: { path: destination, bytes: Buffer.byteLength(text), cut: false, masked: 0 },
      });
    },
  };
}

const file = (...lines: readonly string[]) => [`${lines.join("\n")}\n`];

describe("a finished batch", () => {
  test("is taken in from both files, in any order of lines, exactly as received", async () => {
    const { report, responses, job } = await collected({
      output: file(answered(2), answered(0)),
      errors: file(refused(1), expired(3)),
    });
    expect(warningsOf(report)).toEqual([]);
    expect(job).toMatchObject({
      state: "collected",
      collected: {
        answered: 2,
        refused: 1,
        unanswered: { batch_expired: [LINES[3]?.id] },
        usage: { input: 200, cachedInput: 0, output: 20 },
      },
    });
    expect(LINES.map(({ id }) => responses.lookup(id)?.kind)).toEqual(["answer", "refusal", "answer", undefined]);
    expect(LINES.slice(0, 3).map(({ id }) => responses.readRaw(id))).toEqual([answered(0), refused(1), answered(2)]);
  });

  test("of which a request is nowhere to be found asks it again where the counts say that it was not executed", async () => {
    const rest = LINES.slice(1).map(({ id }) => id);
    const counts = { total: 4, completed: 1, failed: 3 };
    const missing = await collected({ output: file(answered(0)), errors: null }, "completed", {
      ...counts,
      last: false,
    });
    expect(missing.job?.collected).toMatchObject({ unanswered: { missing: rest }, lost: [] });
    const cut = { total: 4, completed: 1, failed: 0, last: false };
    const late = await collected({ output: file(answered(0)), errors: null }, "expired", cut);
    expect(late.job?.collected).toMatchObject({ unanswered: { batch_expired: rest }, lost: [] });
  });

  test.each([
    ["no counts", { total: 0, completed: 0, failed: 0 }],
    ["counts of answers that did not come", { total: 4, completed: 4, failed: 0 }],
    ["counts that do not cover what was sent", { total: 1, completed: 1, failed: 0 }],
    ["counts older than the lines", { total: 4, completed: 0, failed: 0 }],
    ["counts that leave some open", { total: 4, completed: 1, failed: 0 }],
  ])("of which a request is nowhere to be found, with %s, is looked at again, and then lost", async (_, counts) => {
    const files = { output: file(answered(0)), errors: null };
    const early = await collected(files, "completed", { ...counts, last: false });
    expect(early.report).toMatchObject({ ok: true, value: { kind: "unsettled" } });
    expect(early.job?.state).toBe("completed");
    // What did come is taken in all the same.
    expect(LINES[0] && early.responses.lookup(LINES[0].id)?.kind).toBe("answer");
    const last = await collected(files, "completed", counts);
    expect(last.job?.collected).toMatchObject({ unanswered: {}, lost: LINES.slice(1).map(({ id }) => id) });
    expect(warningsOf(last.report).join()).toMatch(/may have been charged/);
  });

  test.each(["completed", "failed", "expired", "cancelled"] as const)(
    "that is %s, counts nothing and names no file proves nothing",
    async (status) => {
      const nothing = { total: 0, completed: 0, failed: 0 };
      const early = await collected({ output: null, errors: null }, status, { ...nothing, last: false });
      expect(early.report).toMatchObject({ ok: true, value: { kind: "unsettled" } });
      const last = await collected({ output: null, errors: null }, status, nothing);
      expect(last.report).toMatchObject({ ok: true, value: { kind: "lost" } });
    },
  );

  test("with nothing but errors is taken in as well", async () => {
    const { job, downloads } = await collected({ output: null, errors: file(...[0, 1, 2, 3].map(refused)) });
    expect(job?.collected).toMatchObject({ answered: 0, refused: 4, unanswered: {} });
    expect(downloads).toEqual(["errors"]);
  });

  test("that answers a request twice counts the first answer, and its tokens once", async () => {
    const { report, job } = await collected({
      output: file(answered(0), answered(0), answered(1)),
      errors: file(refused(0)),
    });
    expect(job?.collected).toMatchObject({ answered: 2, refused: 0, usage: { input: 200, output: 20 } });
    expect(warningsOf(report).join()).toContain("repeat a request");
  });

  test("that does not say what an answer took says so: its tokens are unknown, and not none", async () => {
    const silent = said(1, {
      status_code: 200,
      body: { choices: [{ message: { content: "hm" } }], usage: { prompt_tokens: "many" } },
    });
    const { job } = await collected({ output: file(answered(0), silent), errors: null });
    expect(job?.collected).toMatchObject({ answered: 2, unreported: 1, usage: { input: 100, output: 10 } });
  });

  test("that was charged for what it did not answer cost that as well", async () => {
    const body = { error: { message: "overloaded" }, usage: { prompt_tokens: 7, completion_tokens: 0 } };
    const { job } = await collected({ output: file(answered(0), said(1, { status_code: 200, body })), errors: null });
    expect(job?.collected).toMatchObject({ answered: 1, usage: { input: 107, output: 10 } });
  });

  test("that answers what another has answered was paid for too; one whose answers were imported was not", async () => {
    const files = { output: file(answered(0), answered(1)), errors: null };
    const known = (n: number, via: "batch" | "import", batchId: string | null): ResponseEntry => ({
      requestId: LINES[n]?.id ?? fingerprintOf("none"),
      blob: digestOf("elsewhere"),
      offset: 0,
      length: 1,
      kind: "answer",
      jobId: "another",
      batchId,
      via,
    });
    const twice = await collected(files, "completed", {}, [known(0, "batch", "batch_2")]);
    expect(twice.job?.collected?.usage).toMatchObject({ input: 200 });
    const again = await collected(files, "completed", {}, [known(0, "batch", "batch_1"), known(1, "import", null)]);
    expect(again.job?.collected?.usage).toMatchObject({ input: 0 });
  });

  test("that refuses a request and then answers it counts the answer, and its tokens once", async () => {
    const { responses, job } = await collected({
      output: file(refused(0), answered(0)),
      errors: file(refused(1), expired(2)),
    });
    expect(job?.collected).toMatchObject({ answered: 1, refused: 1, usage: { input: 100, output: 10 } });
    const [first] = LINES;
    expect(first === undefined ? undefined : responses.lookup(first.id)?.kind).toBe("answer");
  });

  test("that answers what was not in it is used as far as it is ours", async () => {
    const { report, job } = await collected({ output: file(answered(0), answered(9)), errors: null });
    expect(job?.collected?.answered).toBe(1);
    expect(warningsOf(report).join()).toContain("answer requests that were not in it");
  });
});

describe("a torn download", () => {
  const whole = file(answered(0), answered(1))[0] ?? "";

  test("is fetched again until it is whole", async () => {
    const { job, downloads } = await collected({
      output: [whole.slice(0, -30), "<html>502</html>", whole],
      errors: null,
    });
    expect(downloads).toHaveLength(3);
    expect(job?.collected?.answered).toBe(2);
  });

  test("that stays as it is gives its good lines, names the bad ones, and asks nothing again", async () => {
    const { report, job, downloads, responses } = await collected({ output: [whole.slice(0, -30)], errors: null });
    expect(downloads).toHaveLength(2);
    expect(job?.collected).toMatchObject({ answered: 1, unanswered: {}, lost: LINES.slice(1).map(({ id }) => id) });
    expect(LINES.map(({ id }) => responses.lookup(id)?.kind)).toEqual(["answer", undefined, undefined, undefined]);
    expect(warningsOf(report).join()).toMatch(/line 2 of output of batch batch_1 cannot be read/);
  });
});

function warningsOf(report: Awaited<ReturnType<typeof collect>>): readonly string[] {
  return report.ok && report.value.kind === "collected" ? report.value.warnings : ["not collected"];
}
