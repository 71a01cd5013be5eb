import type { Answers, GateNeed, GateView } from "../engine/gate.ts";
import { fingerprintOfJson } from "../graph/digest.ts";
import type { Problem } from "../graph/problem.ts";

/**
 * The same answers for `--partial`: a gate lets through what has come. Its hash covers what is missing, so that a partial
 * result has a key of its own and is never taken for the whole.
 */
export function partialAnswers(answers: Answers & { missing(need: GateNeed): readonly string[] }): Answers {
  return {
    namespace: answers.namespace,
    assess: (need): GateView => {
      const view = answers.assess(need);
      if (view.state === "answered") return view;
      const missing = answers.missing(need);
      const hash = fingerprintOfJson(["partial", ...missing]);
      return { state: "answered", settled: false, hash, unanswered: missing.length };
    },
    ...withoutCalls(answers),
  };
}

/** The same answers for a build that only makes what they suffice for: what is unanswered is not asked. */
export function storedAnswers(answers: Answers): Answers {
  return {
    namespace: answers.namespace,
    assess: (need): GateView => {
      const view = answers.assess(need);
      return view.state === "needed" ? { state: "failed", problem: unanswered(need) } : view;
    },
    ...withoutCalls(answers),
  };
}

function unanswered({ target, task }: GateNeed): Problem {
  return {
    kind: "missing-input",
    where: target,
    message: `its requests are not answered yet, and nothing is asked here${task === undefined ? "" : ` (task ${task})`}.`,
    fix: "`dsgen plan` says what asking takes; `dsgen build` asks.",
  };
}

function withoutCalls(answers: Answers): Omit<Answers, "namespace" | "assess"> {
  return {
    open: () => Promise.reject(new Error("this build asks for nothing")),
    poll: () => Promise.resolve(false),
    look: () => Promise.resolve(),
    nextPollMs: () => answers.nextPollMs(),
    reader: (need) => answers.reader(need),
    view: (live, isTarget) => answers.view(live, isTarget),
  };
}
