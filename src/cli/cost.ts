import { costText } from "../report/cost.ts";
import { command } from "./command.ts";
import { EXIT } from "./exit-codes.ts";

/** `dsgen cost`: what was spent, is in flight, and was saved by reuse, per task and model; each answer once, from its `usage`. */
export const cost = command({
  name: "cost",
  about: "show what was spent, is in flight, and was saved by reusing answers",
  examples: [["dsgen cost", "bought, in flight, saved, by task"]],
  takes: {},
  run: (context) =>
    context.with("jobs", "read", ({ answers, simulated, providerLabel: provider }) => {
      const line = { type: "cost", provider, simulated, ...answers.ledger.report() } as const;
      context.result(
        () => costText(line, context.style),
        () => [line],
      );
      return EXIT.upToDate;
    }),
});
