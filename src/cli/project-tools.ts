import type { AnswerService } from "../batch/service.ts";
import type { Tools } from "../engine/ports.ts";
import { fingerprintOfJson } from "../graph/digest.ts";
import type { Graph } from "../graph/graph.ts";
import type { JsonValue } from "../graph/json.ts";
import { ok } from "../graph/result.ts";
import type { ToolRef } from "../graph/target.ts";
import type { JobFacts } from "../page/facts.ts";
import { countOf } from "../report/format.ts";
import { graphLines } from "../report/graph.ts";
import { jobLines } from "../report/jobs.ts";

/** Who knows of jobs and what they came to. */
type Told = Pick<AnswerService, "jobs"> & { readonly ledger: Pick<AnswerService["ledger"], "report"> };

/**
 * What targets may declare as tools: the tokenizers, and what a report sees of this project, the `jobs` of a task and the
 * `graph` below a target. A recipe gets what was hashed, whatever has happened since.
 */
export function projectTools(tokenizers: Tools, answers: Told, graph: Graph): Tools {
  const hashed = new Map<string, JsonValue>();
  return {
    fingerprint: (tool) => {
      const facts = factsOf(tool, answers, graph);
      if (facts === undefined) return tokenizers.fingerprint(tool);
      hashed.set(keyOf(tool), facts.value);
      return ok({ hash: fingerprintOfJson(facts.value), shown: facts.shown });
    },
    // Facts of this process are nobody else's.
    declared: (tool) => (factsOf(tool, answers, graph) === undefined ? tokenizers.declared?.(tool) : undefined),
    open: (tool) => {
      const facts = hashed.get(keyOf(tool));
      return facts === undefined ? tokenizers.open(tool) : Promise.resolve(facts);
    },
  };
}

function keyOf({ kind, name }: ToolRef): string {
  return JSON.stringify([kind, name]);
}

interface Facts {
  readonly value: JsonValue;
  readonly shown: string;
}

function factsOf({ kind, name }: ToolRef, answers: Told, graph: Graph): Facts | undefined {
  switch (kind) {
    case "jobs": {
      const value = jobFacts(answers, name);
      return { value, shown: countOf(value.jobs.length, "job") };
    }
    case "graph": {
      const value = graphLines(graph, [name]);
      return { value, shown: countOf(value.length, "target") };
    }
    default:
      return undefined;
  }
}

function jobFacts(answers: Told, task: string): JobFacts {
  const ours = (of: { readonly task: string | null }) => of.task === task;
  const { spent, inFlight, saved } = answers.ledger.report();
  const jobs = jobLines(answers.jobs().filter(ours)).map((job) => {
    const { requestFile, jobId, batchId, status, standing, attempt, progress, since, until } = job;
    return { requestFile, jobId, batchId, status, standing, attempt, progress: { ...progress }, since, until };
  });
  return { jobs, spent: spent.filter(ours), inFlight: inFlight.filter(ours), saved: saved.filter(ours) };
}
