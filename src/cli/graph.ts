import { graphLines, graphText } from "../report/graph.ts";
import { command } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { choice, operands } from "./options.ts";

/** `dsgen graph`: what is made from what, as text or for a drawing program. */
export const graph = command({
  name: "graph",
  about: "show what is made from what",
  examples: [
    ["dsgen graph dataset.jsonl", "what it is made from, as a tree"],
    ["dsgen graph --format mermaid", "all of it, for a README"],
  ],
  takes: {
    targets: { ...operands("[TARGET...]", "show only these and what they are made from"), names: "targets" as const },
    format: { ...choice("<NAME>", "how to draw it", ["text", "mermaid", "dot"]), absent: "text" as const },
  },
  run: (context, { targets, format }) =>
    context.with("graph", "read", (session) => {
      const goals = session.goals(targets);
      if (!goals.ok) return context.refuse(goals.error);
      const lines = graphLines(session.graph, targets.length === 0 ? undefined : goals.value);
      const { task } = context.common;
      const shown = task === undefined ? lines : lines.filter((line) => line.task === task);
      context.result(
        () => graphText(shown, format),
        () => shown,
      );
      return EXIT.upToDate;
    }),
});
