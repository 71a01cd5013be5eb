import { beforeEach, describe, expect, it } from "vitest";
import type { ActionManifest, Trace } from "../../src/engine/ports.ts";
import { type ActionKey, type Digest, digestOf, fingerprintOf } from "../../src/graph/digest.ts";
import { canonicalJson, type JsonObject } from "../../src/graph/json.ts";
import { ok } from "../../src/graph/result.ts";
import { actionName } from "../../src/remote/action-record.ts";
import { Allowance } from "../../src/remote/allowance.ts";
import { blobName } from "../../src/remote/checked.ts";
import type { OwnResult } from "../../src/remote/origins.ts";
import { type Leave, pushResults } from "../../src/remote/push-results.ts";
import { sealRecord } from "../../src/remote/record.ts";
import type { Remote } from "../../src/remote/remote.ts";
import { sharedResults } from "../../src/remote/shared-results.ts";
import type { Ignored } from "../../src/remote/trusted.ts";
import { newWriterKey, type Writer, writerFolder, writerOf } from "../../src/remote/writer.ts";
import { memoryRemote } from "./support/memory.ts";

/* Results of actions in a shared cache: what is shared, what is believed, and what an attack can do. */

const PROJECT = "results";
const signal = new AbortController().signal;
const keyOf = (n: number) => fingerprintOf(`action ${n}`) as ActionKey;
const contentOf = (n: number) => Buffer.from(`made by ${n}`);

/** A recipe of dsgen's own. */
const OWN = "dsgen/recipes/collect-answers";
const SIMULATED = `${JSON.stringify({
  custom_id: "t-1",
  response: {
    status_code: 200,
    body: { system_fingerprint: "fp_simulated", choices: [{ message: { content: "x" }, finish_reason: "stop" }] },
  },
  error: null,
})}\n`;

let files: Map<string, Uint8Array>;
let remote: Remote;
let writer: Writer;

function newWriter(): Writer {
  const made = writerOf(newWriterKey());
  if (made === undefined) throw new Error("no key");
  return made;
}

function result(n: number, trace: Partial<Trace> = {}, kind: "value" | "gate" = "value"): OwnResult {
  const outputs = [{ digest: digestOf(contentOf(n)), size: contentOf(n).length }];
  const manifest: ActionManifest = {
    v: 1,
    recipe: { ref: "r", identity: fingerprintOf("r"), modules: {} },
    outputs: 1,
    inputs: { of: [{ kind, label: "tasks/private.prompt", hash: "h", shown: "secret prompt" }] },
  };
  return { trace: { v: 1, key: keyOf(n), outputs, durationMs: 5000, notes: { n }, ...trace }, manifest };
}

const blobs = {
  has: () => true,
  read: async (digest: Digest) => {
    if (digest === digestOf(SIMULATED)) return ok(Buffer.from(SIMULATED));
    const n = [0, 1, 2, 3].find((one) => digestOf(contentOf(one)) === digest) ?? 0;
    return ok(contentOf(n));
  },
};

const EVERYTHING: Leave = { answers: true, local: [] };
const push = (results: readonly OwnResult[], as = writer, project = PROJECT, leave = EVERYTHING) =>
  pushResults(results, blobs, { remote, project, writer: as }, leave, signal);

/** Somebody who asks for results of these actions. */
async function asks(numbers: readonly number[], from: Remote = remote, trust = [writer.word]) {
  const seen: Ignored = { untrusted: 0, damaged: 0, version: 0, foreign: 0 };
  const failures: string[] = [];
  const shared = sharedResults({
    sources: [{ remote: from, project: PROJECT, trust }],
    allowance: new Allowance(2000),
    signal,
    failed: (_label, { message }) => failures.push(message),
    hasFailed: () => failures.length > 0,
    ignored: (_label, ignored) => {
      for (const why of Object.keys(ignored) as (keyof Ignored)[]) seen[why] += ignored[why];
    },
  });
  await shared.ask(numbers.map(keyOf));
  return { shared, seen, failures, found: numbers.filter((n) => shared.trace(keyOf(n)) !== undefined) };
}

const recordNames = () => [...files.keys()].filter((name) => name.startsWith("v1/actions/"));

/** The only record there is, as JSON, taken out of the cache. */
function takeRecord(): JsonObject & { readonly body: JsonObject } {
  const [name = ""] = recordNames();
  const record = JSON.parse(Buffer.from(files.get(name) ?? []).toString());
  files.delete(name);
  return record;
}

/** Puts a record where a trusted writer's would be, under the name that its content has. */
function plant(record: JsonObject, n = 0): void {
  const bytes = Buffer.from(canonicalJson(record));
  files.set(actionName(PROJECT, writer.word, keyOf(n), bytes), bytes);
}

beforeEach(() => {
  files = new Map();
  remote = memoryRemote(files);
  writer = newWriter();
});

describe("results", () => {
  it("are had as they were made, with who made them", async () => {
    expect(await push([result(0), result(1)])).toMatchObject({ pushed: { results: 2 }, failure: undefined });
    const { shared, found, seen } = await asks([0, 1, 2]);
    expect([found, seen]).toEqual([[0, 1], { untrusted: 0, damaged: 0, version: 0, foreign: 0 }]);
    const trace = shared.trace(keyOf(1));
    expect(trace).toEqual({ ...result(1).trace, by: writer.word });
    const [output] = trace?.outputs ?? [];
    if (trace === undefined || output === undefined) throw new Error("no trace");
    expect(await shared.read(trace, output)).toEqual(ok(new Uint8Array(contentOf(1))));
  });

  it("are sent once, and what was made from what leaves with none of them", async () => {
    await push([result(0)]);
    const before = [...files.keys()];
    expect(await push([result(0)])).toMatchObject({ pushed: { results: 1, bytes: 0 } });
    expect([...files.keys()]).toEqual(before);
    for (const content of files.values()) expect(Buffer.from(content).toString()).not.toMatch(/private|secret/);
  });

  it("are sent again where the cache has lost their files", async () => {
    await push([result(0)]);
    for (const name of files.keys()) if (name.startsWith("v1/cas/")) files.delete(name);
    const size = contentOf(0).length;
    expect(await push([result(0)])).toMatchObject({ pushed: { results: 1, bytes: size } });
    const { shared } = await asks([0]);
    const trace = shared.trace(keyOf(0));
    const [output] = trace?.outputs ?? [];
    if (trace === undefined || output === undefined) throw new Error("no trace");
    expect(await shared.read(trace, output)).toMatchObject({ ok: true });
  });

  it("are not shared where they hold answers, are sooner made than fetched, or are others'", async () => {
    const some = [result(0, {}, "gate"), result(1, { durationMs: 20 }), result(2, { by: "ed25519:else" })];
    expect(await push(some)).toMatchObject({ pushed: { results: 0 } });
    expect(files.size).toBe(0);
  });

  /** One that is made of another's output, by dsgen's own recipe. */
  const madeOf = (n: number, of: OwnResult, kind: "target" | "env" = "target"): OwnResult => {
    const one = result(n);
    const hash = of.trace.outputs[0]?.digest ?? "";
    return { ...one, manifest: { ...one.manifest, inputs: { of: [{ kind, label: "x", hash }] } } };
  };

  it("leave with answers in them only where answers may, however far down they came in", async () => {
    const gated = result(0, {}, "gate");
    const answers = { ...gated, manifest: { ...gated.manifest, recipe: { ...gated.manifest.recipe, ref: OWN } } };
    const shard = madeOf(1, answers);
    const all = [answers, shard, madeOf(2, shard), result(3)];
    const files = { answers: false, local: [] };
    expect(await push(all, writer, PROJECT, files)).toMatchObject({ pushed: { results: 1, kept: 2 } });
    expect((await asks([0, 1, 2, 3])).found).toEqual([3]);
    expect(await push(all)).toMatchObject({ pushed: { results: 3, kept: 0 } });
    expect((await asks([0, 1, 2, 3])).found).toEqual([1, 2, 3]);
  });

  it("never leave where they were made of made-up answers, of a variable, or of nobody knows what", async () => {
    const gated = result(0, {}, "gate");
    const own = { ...gated.manifest, recipe: { ...gated.manifest.recipe, ref: OWN } };
    const madeUp = { trace: { ...gated.trace, outputs: [{ digest: digestOf(SIMULATED), size: 1 }] }, manifest: own };
    const all = [madeUp, madeOf(1, madeUp), madeOf(2, result(0), "env"), madeOf(3, result(0))];
    expect(await push(all)).toMatchObject({ pushed: { results: 0, kept: 3 } });
    // What a recipe of the project's own made of answers may not say that they were made up.
    expect(await push([gated, madeOf(1, gated)])).toMatchObject({ pushed: { results: 0, kept: 1 } });
    expect(files.size).toBe(0);
  });

  it("never leave where they or their notes name a place on this machine", async () => {
    const leave = { answers: true, local: ["made by 1", "/home/me"] };
    const all = [result(0, { notes: { at: "/home/me/x" } }), result(1), result(2)];
    expect(await push(all, writer, PROJECT, leave)).toMatchObject({ pushed: { results: 1, kept: 2 } });
    expect((await asks([0, 1, 2])).found).toEqual([2]);
  });

  it("are asked for by one list and a call for each that there is; of a cache that fails, no more is asked", async () => {
    await push([result(0), result(1)]);
    const calls: string[] = [];
    const counted: Remote = {
      ...remote,
      list: (name, stop) => {
        calls.push("list");
        return remote.list(name, stop);
      },
      get: (name, stop) => {
        calls.push("get");
        return remote.get(name, stop);
      },
    };
    const { shared } = await asks([0, 1, 2, 3], counted);
    await shared.ask([keyOf(2)]);
    expect(calls).toEqual(["list", "get", "get"]);
    const gone = { ...counted, list: async () => ({ ok: false, error: { kind: "gone", message: "away" } }) as const };
    const failed = await asks([0, 1], gone);
    await failed.shared.ask([keyOf(0)]);
    expect([failed.found, failed.failures]).toEqual([[], ["away"]]);
  });

  it("take no longer than the time there is, whatever hangs", async () => {
    await push([result(0)]);
    const hangs: Remote = {
      ...remote,
      list: (_name, stop) =>
        new Promise((resolve) => {
          const end = () => resolve({ ok: false, error: { kind: "slow", message: "slow" } });
          stop.addEventListener("abort", end);
        }),
    };
    expect((await asks([0], hangs)).failures).toEqual(["slow"]);
  });

  it("are made here when their content is gone, or another's", async () => {
    await push([result(0)]);
    const { shared } = await asks([0]);
    const trace = shared.trace(keyOf(0));
    const [output] = trace?.outputs ?? [];
    if (trace === undefined || output === undefined) throw new Error("no trace");
    files.set(blobName(output.digest), Buffer.from("exchanged"));
    expect(await shared.read(trace, output)).toMatchObject({ ok: false, error: { kind: "missing-input" } });
    expect(shared.trace(keyOf(0))).toBeUndefined();
  });
});

describe("an attack is in vain that", () => {
  const nothingBelieved = async (why: keyof Ignored, trust?: string[]) => {
    const { found, seen } = await asks([0], remote, trust ?? [writer.word]);
    expect([found, seen[why]]).toEqual([[], 1]);
  };

  it("puts another result under an action's signature", async () => {
    await push([result(0)]);
    const record = takeRecord();
    plant({ ...record, body: { ...record.body, outputs: [[digestOf("evil"), 4]] } });
    await nothingBelieved("damaged");
  });

  it("replays a result under another action's name, or as another project's", async () => {
    await push([result(1)]);
    plant(takeRecord(), 0);
    await nothingBelieved("foreign");
    files.clear();
    await push([result(0)], writer, "other");
    plant(takeRecord(), 0);
    await nothingBelieved("foreign");
  });

  it("signs with a key that is not trusted, or is not any more", async () => {
    await push([result(0)]);
    await nothingBelieved("untrusted", [newWriter().word]);
    const { body } = takeRecord();
    plant(JSON.parse(Buffer.from(sealRecord("actions", body, newWriter())).toString()));
    await nothingBelieved("untrusted");
    const own = newWriter();
    for (const name of recordNames()) files.delete(name);
    plant(JSON.parse(Buffer.from(sealRecord("actions", body, { word: writer.word, sign: own.sign })).toString()));
    await nothingBelieved("damaged");
  });

  it("makes an answer's record pass for a result's, or one version for another", async () => {
    await push([result(0)]);
    const record = takeRecord();
    plant({ ...JSON.parse(Buffer.from(sealRecord("responses", record.body, writer)).toString()), kind: "actions" });
    await nothingBelieved("damaged");
    for (const name of recordNames()) files.delete(name);
    plant({ ...record, v: 0 });
    await nothingBelieved("version");
  });

  it("puts a record under a name that its content does not have", async () => {
    await push([result(0)]);
    const [name = ""] = recordNames();
    const content = files.get(name) ?? Buffer.of();
    files.delete(name);
    const folder = name.slice(0, name.indexOf(writerFolder(writer.word)));
    files.set(`${folder}${writerFolder(writer.word)}/${keyOf(0)}-${digestOf("another")}.json`, content);
    await nothingBelieved("damaged");
  });
});
