import type { Answers, GateNeed, GateView } from "../engine/gate.ts";
import { fingerprintOfJson } from "../graph/digest.ts";

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
    open: () => Promise.reject(new Error("a partial build asks for nothing")),
    poll: () => Promise.resolve(false),
    look: () => Promise.resolve(),
    nextPollMs: () => answers.nextPollMs(),
    reader: (need) => answers.reader(need),
    view: (live) => answers.view(live),
  };
}
