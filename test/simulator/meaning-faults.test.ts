import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FAULT_CATALOGUE, type Fault, OPERATIONS, parseFault, planFaults } from "../../src/simulator/faults.ts";
import { readLedger } from "../../src/simulator/ledger.ts";
import { clientOf, failure, must, requestFile, resultLines, simulator, submit, temporaryFolder } from "./support.ts";

/** A batch of ten that a fault strikes, when it has ended. */
async function ended(...specs: readonly string[]) {
  const faults = specs.map((spec): Fault => {
    const fault = parseFault(spec);
    if (!fault.ok) throw new Error(fault.error.message);
    return fault.value;
  });
  const server = await simulator({ faults });
  const provider = clientOf(server);
  const { id } = await submit(provider, 10);
  const batch = must(await provider.retrieveBatch(id));
  const output = await resultLines(provider, batch.outputFileId);
  const errors = await resultLines(provider, batch.errorFileId);
  return { batch, output, errors, provider, charges: readLedger(server.stateDir).charges.length };
}

describe("batches that go wrong", () => {
  it("batch-failed names the line", async () => {
    const { batch, charges } = await ended("create:batch-failed=7");
    expect(batch).toMatchObject({ status: "failed", outputFileId: null, errors: [{ line: 7 }] });
    expect(charges).toBe(0);
  });

  it("token-limit-exceeded shows only on retrieve, and the next batch is let through", async () => {
    const { batch, provider } = await ended("create:token-limit-exceeded");
    expect(batch).toMatchObject({ status: "failed", errors: [{ code: "token_limit_exceeded", line: null }] });
    expect(must(await provider.retrieveBatch((await submit(provider, 10)).id)).status).toBe("completed");
  });

  it.each([
    ["create:expired=0.3", "expired", "batch_expired", 3],
    ["create:cancelled-partial=0.8", "cancelled", "batch_cancelled", 8],
  ])("%s keeps and charges what was executed", async (spec, status, code, done) => {
    const { batch, output, errors, charges } = await ended(spec);
    expect(batch).toMatchObject({ status, counts: { total: 10, completed: done, failed: 10 - done } });
    expect(output.length).toBe(done);
    expect(new Set(errors.map((line) => line.error?.code))).toEqual(new Set([code]));
    expect(new Set([...output, ...errors].map((line) => line.custom_id)).size).toBe(10);
    expect(charges).toBe(done);
  });

  it("expired=0 has no output file at all", async () => {
    const { batch, errors } = await ended("create:expired=0");
    expect(batch).toMatchObject({ status: "expired", outputFileId: null });
    expect(errors.length).toBe(10);
  });

  it.each([400, 401, 404, 429, 500])("error-lines=%i/4 strikes every fourth line, uncharged", async (status) => {
    const { batch, output, errors, charges } = await ended(`create:error-lines=${status}/4`);
    expect(batch).toMatchObject({ status: "completed", counts: { completed: 8, failed: 2 } });
    expect(errors.map((line) => line.response?.status_code)).toEqual([status, status]);
    expect(errors[0]?.response?.body).toMatchObject({ error: { message: expect.any(String) } });
    expect(output.length).toBe(8);
    expect(charges).toBe(8);
  });

  it("only-error-file completes without an output file", async () => {
    const { batch, errors, charges } = await ended("create:only-error-file=500");
    expect(batch).toMatchObject({ status: "completed", outputFileId: null, counts: { completed: 0, failed: 10 } });
    expect(errors.length).toBe(10);
    expect(charges).toBe(0);
  });

  it("fewer-lines loses lines, and counts them as failed", async () => {
    const { batch, output, charges } = await ended("create:fewer-lines=2");
    expect(batch).toMatchObject({ status: "completed", counts: { completed: 8, failed: 2 } });
    expect(output.length).toBe(8);
    expect(charges).toBe(8);
  });

  it("unknown-custom-ids adds lines that nobody asked for", async () => {
    const { output } = await ended("create:unknown-custom-ids=2");
    expect(output.filter((line) => !/^T-\d$/.test(line.custom_id)).length).toBe(2);
    expect(output.length).toBe(12);
  });

  it("two faults can meet in one batch", async () => {
    const { output, errors } = await ended("create:expired=0.5", "create:error-lines=500/1");
    expect(output.length).toBe(0);
    expect(errors.filter((line) => line.response?.status_code === 500).length).toBe(5);
  });
});

describe("things that are not found", () => {
  it("file-not-found-after-upload refuses as often as asked, then lets through", async () => {
    const server = await simulator({ faults: [{ on: "create", kind: "file-not-found-after-upload", times: 2 }] });
    const provider = clientOf(server);
    const file = must(await provider.upload(requestFile(1)));
    const create = { inputFileId: file.id, endpoint: "/v1/chat/completions", metadata: {} } as const;
    for (let turn = 0; turn < 2; turn++) {
      expect(failure(await provider.createBatch(create))).toMatchObject({
        kind: "refused",
        status: 400,
        message: expect.stringContaining("Cannot find file"),
      });
    }
    must(await provider.createBatch(create));
  });

  it("output-file-gone is a 404", async () => {
    const server = await simulator({ faults: [{ on: "download", kind: "output-file-gone" }] });
    const provider = clientOf(server);
    const { outputFileId } = must(await provider.retrieveBatch((await submit(provider, 2)).id));
    const path = join(temporaryFolder(), "out");
    expect(failure(await provider.download(outputFileId ?? "", path, 1e9))).toMatchObject({ kind: "not-found" });
    must(await provider.download(outputFileId ?? "", path, 1e9));
  });

  it("foreign-batch is a 404", async () => {
    const server = await simulator({ faults: [{ on: "retrieve", kind: "foreign-batch" }] });
    const provider = clientOf(server);
    const { id } = await submit(provider, 2);
    expect(failure(await provider.retrieveBatch(id))).toMatchObject({ kind: "not-found" });
    must(await provider.retrieveBatch(id));
  });

  it("listing-lag in calls and in milliseconds", async () => {
    let now = 1_795_000_000_000;
    const faults: readonly Fault[] = [
      { on: "list", kind: "listing-lag", value: "2calls" },
      { on: "list-files", kind: "listing-lag", value: "500ms" },
    ];
    const stateDir = temporaryFolder();
    const server = await simulator({ stateDir, faults, now: () => now });
    const provider = clientOf(server);
    await submit(provider, 1);
    const batches = async () => must(await provider.listBatches({ limit: 10 })).items.length;
    const files = async () => must(await provider.listFiles({ limit: 10 })).items.length;
    expect([await batches(), await batches(), await batches()]).toEqual([0, 0, 1]);
    expect(await files()).toBe(0);
    now += 500;
    expect(await files()).toBe(1);
    now += 1;
    const later = clientOf(await simulator({ stateDir, faults, now: () => now }));
    expect(must(await later.listBatches({ limit: 10 })).items.length).toBe(1);
  });
});

describe("fault specs", () => {
  it.each([
    ["create:reset-after#1", { on: "create", kind: "reset-after", nth: 1 }],
    ["upload:500-before#2x3", { on: "upload", kind: "500-before", nth: 2, times: 3 }],
    ["retrieve:503#1x*", { on: "retrieve", kind: "503", nth: 1, times: Number.POSITIVE_INFINITY }],
    ["download:truncated-body~0.1", { on: "download", kind: "truncated-body", probability: 0.1 }],
    ["create:error-lines=429/5", { on: "create", kind: "error-lines", value: "429/5" }],
    ["list-files:listing-lag=300ms", { on: "list-files", kind: "listing-lag", value: "300ms" }],
  ])("%s", (text, fault) => {
    expect(parseFault(text)).toEqual({ ok: true, value: fault });
  });

  it.each([
    ["creat:reset-after", /operation "creat"/],
    ["create:reset-afte", /fault "reset-afte"/],
    ["upload:expired", /strikes only create/],
    ["create:expired=2", /does not take the value "2"/],
    ["create:reset-after=3", /takes no value/],
    ["create:reset-after#0", /counted from 1/],
    ["create:reset-after~7", /between 0 and 1/],
    ["create", /expected operation:kind/],
    ["", /expected operation:kind/],
  ])("%s is a usage problem", (text, message) => {
    const parsed = parseFault(text);
    expect(parsed).toMatchObject({ ok: false, error: { kind: "usage", message: expect.stringMatching(message) } });
  });

  it("never throws, and reads whatever it accepts into a fault that can be planned", () => {
    const piece = fc.constantFrom(
      "create",
      ":",
      "list",
      "503",
      "expired",
      "=",
      "0.5",
      "#",
      "2",
      "x",
      "*",
      "~",
      " ",
      "ß",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
        const parsed = parseFault(pieces.join(""));
        if (parsed.ok) planFaults([parsed.value], 1).next(parsed.value.on);
        else expect(parsed.error.fix).toBeTruthy();
      }),
    );
  });

  it("has a line about every fault, and every fault can be named for its calls", () => {
    expect(FAULT_CATALOGUE.length).toBe(25);
    for (const { kind, on, about } of FAULT_CATALOGUE) {
      expect(about.length).toBeGreaterThan(10);
      for (const operation of on) expect(parseFault(`${operation}:${kind}`)).toMatchObject({ ok: true });
    }
  });

  it("refuses a programmatic fault that cannot be", () => {
    expect(() => planFaults([{ on: "upload", kind: "expired" }], 1)).toThrow(RangeError);
  });

  it("strikes the calls it was told to", () => {
    const strikes = (fault: Omit<Fault, "on" | "kind">, calls: number) => {
      const plan = planFaults([{ on: "create", kind: "503", ...fault }], 4);
      return Array.from({ length: calls }, () => {
        for (const other of OPERATIONS) if (other !== "create") expect(plan.next(other)).toEqual([]);
        return plan.next("create").length;
      });
    };
    expect(strikes({}, 3)).toEqual([1, 0, 0]);
    expect(strikes({ nth: 2 }, 4)).toEqual([0, 1, 0, 0]);
    expect(strikes({ nth: 2, times: 2 }, 4)).toEqual([0, 1, 1, 0]);
    expect(strikes({ times: Number.POSITIVE_INFINITY }, 3)).toEqual([1, 1, 1]);
    const some = strikes({ probability: 0.3 }, 200).reduce((sum, count) => sum + count, 0);
    expect(some).toBeGreaterThan(30);
    expect(some).toBeLessThan(90);
    expect(strikes({ probability: 0.3 }, 200)).toEqual(strikes({ probability: 0.3 }, 200));
  });
});
