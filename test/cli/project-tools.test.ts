import { expect, it } from "vitest";
import type { JobSummary } from "../../src/batch/metadata.ts";
import { projectTools } from "../../src/cli/project-tools.ts";
import type { Tools } from "../../src/engine/ports.ts";
import { Graph } from "../../src/graph/graph.ts";
import { targetName } from "../../src/graph/names.ts";
import { ok } from "../../src/graph/result.ts";

const TOKENIZERS: Tools = {
  fingerprint: ({ name }) => ok({ hash: `hash of ${name}`, shown: name }),
  open: ({ name }) => Promise.resolve(`handle of ${name}`),
};

function jobOf(task: string, completed: number): JobSummary {
  const requestFile = targetName(`requests/${task}/request_batch0.jsonl`);
  if (!requestFile.ok) throw new Error(requestFile.error);
  return {
    ...{ requestFile: requestFile.value, from: "d", task, jobId: "j", batchId: "b", status: "in_progress" },
    ...{
      mark: "waiting",
      attempt: 1,
      progress: { total: 5, completed, failed: 0 },
      since: 1,
      until: null,
      errors: [],
      toAsk: 0,
    },
  };
}

const MONEY = { spent: [], spentUsd: 0, inFlight: [], inFlightUsd: 0, saved: [], savedUsd: 0 };

it("what a report sees of a task's jobs is hashed: it changes with them, and with no other task's", async () => {
  let jobs = [jobOf("a", 1), jobOf("b", 1)];
  const graph = Graph.build({ targets: [], live: [] });
  if (!graph.ok) throw new Error("an empty graph is one");
  const tools = projectTools(TOKENIZERS, { jobs: () => jobs, ledger: { report: () => MONEY } }, graph.value);
  const hash = (name: string) => {
    const found = tools.fingerprint({ kind: "jobs", name });
    return found.ok ? found.value.hash : found.error;
  };
  const before = [hash("a"), hash("b")];
  expect([hash("a"), hash("b")]).toEqual(before);
  const hashed = await tools.open({ kind: "jobs", name: "a" });
  jobs = [jobOf("a", 2), jobOf("b", 1)];
  // What was hashed is handed out, not what has become of it since.
  expect(await tools.open({ kind: "jobs", name: "a" })).toBe(hashed);
  expect(hash("a")).not.toBe(before[0]);
  expect(hash("b")).toBe(before[1]);
  expect(await tools.open({ kind: "jobs", name: "a" })).not.toEqual(hashed);
});

it("a tokenizer is the tokenizers' business, whatever it is called", async () => {
  const graph = Graph.build({ targets: [], live: [] });
  if (!graph.ok) throw new Error("an empty graph is one");
  const tools = projectTools(TOKENIZERS, { jobs: () => [], ledger: { report: () => MONEY } }, graph.value);
  tools.fingerprint({ kind: "jobs", name: "qwen" });
  expect(tools.fingerprint({ kind: "tokenizer", name: "qwen" })).toEqual(ok({ hash: "hash of qwen", shown: "qwen" }));
  expect(await tools.open({ kind: "tokenizer", name: "qwen" })).toBe("handle of qwen");
});
