import type { CommandContext } from "./context.ts";
import { canAsk, saysYes } from "./question.ts";

/** Something that is not done unasked. */
export interface Question {
  /** The command or option that a refusal names. */
  readonly where: string;
  /** What it would do, for whoever cannot be asked: `it would end 3 paid batch jobs`. */
  readonly would: string;
  /** Shown above the question. */
  readonly about: string;
  /** Ends with a question mark. */
  readonly question: string;
}

/** Asks on a terminal. Where there is nobody to ask, a problem says that --yes is wanted. */
export async function confirm(context: CommandContext, question: Question): Promise<"yes" | "no" | "unasked"> {
  const { io } = context;
  if (!canAsk(io, context.common.json)) {
    context.problems([
      {
        kind: "usage",
        where: question.where,
        message: `${question.would}, and there is nobody here to ask.`,
        fix: "Say --yes.",
      },
    ]);
    return "unasked";
  }
  io.stderr.write(question.about);
  return (await saysYes({ from: process.stdin, to: io.terminal }, question.question, context.signal)) ? "yes" : "no";
}
