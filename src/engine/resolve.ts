import { fingerprintOf } from "../graph/digest.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { type ActionSources, type Artifact, resolveAction, withGate } from "./action.ts";
import { type DecideSources, decide } from "./decide.ts";
import type { Answers, Ask, GateNeed, GateView } from "./gate.ts";
import { type ClosedGate, type Job, type Node, needOf } from "./node.ts";

/** What becomes of a target whose inputs are all there. */
export type Resolved =
  /** It is decided; `ask` is there when all that was asked is answered. */
  | { readonly kind: "decided"; readonly job: Job; readonly ask: Ask | undefined }
  | { readonly kind: "gated"; readonly job: Job; readonly need: GateNeed; readonly view: ClosedGate }
  | { readonly kind: "failed"; readonly problem: Problem; readonly refused: boolean };

export interface ResolveSources {
  readonly sources: ActionSources & DecideSources;
  readonly answers: Answers;
}

/** An action whose inputs are all there, decided; with a gate, as far as that lets it. */
export function resolved(
  { target, groups }: Node,
  artifact: (name: TargetName) => Artifact,
  { sources, answers }: ResolveSources,
): Resolved {
  const closed = target.gate;
  // With all answers in, the key is known: a null build reads no response.
  const gateHash = closed === undefined ? undefined : fingerprintOf(answers.namespace);
  const chosen = new Map(groups.map((group) => [group.name, group.chosen ?? []]));
  const action = resolveAction(sources, target, artifact, chosen, gateHash);
  if (!action.ok) return { kind: "failed", problem: action.error, refused: false };
  const verdict = decide(sources, action.value);
  if (closed === undefined || verdict.kind !== "build") {
    return { kind: "decided", job: { action: action.value, verdict, need: undefined }, ask: undefined };
  }
  const need = needOf(target.name, artifact(closed.requests), target.task);
  return through({ action: action.value, verdict, need }, need, answers.assess(need), { sources, answers });
}

/** What its gate says of a target that is to be made of what the gate lets through. */
export function through(job: Job, need: GateNeed, view: GateView, { sources, answers }: ResolveSources): Resolved {
  switch (view.state) {
    case "answered": {
      if (view.settled) return { kind: "decided", job: { ...job, need }, ask: view.ask };
      const action = withGate(job.action, fingerprintOf(`${answers.namespace} ${view.hash}`));
      return { kind: "decided", job: { action, verdict: decide(sources, action), need }, ask: view.ask };
    }
    case "refused":
    case "failed":
      return { kind: "failed", problem: view.problem, refused: view.state === "refused" };
    case "waiting":
    case "needed":
      return { kind: "gated", job, need, view };
  }
}
