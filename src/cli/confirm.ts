import { createInterface } from "node:readline/promises";
import type { CommandContext } from "./context.ts";

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
  if (io.terminal === undefined || !process.stdin.isTTY || context.common.json) {
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
  const prompt = createInterface({ input: process.stdin, output: io.terminal });
  try {
    const answer = await prompt.question(`${question.question} [y/N] `, { signal: context.signal });
    return /^y(es)?$/i.test(answer.trim()) ? "yes" : "no";
  } finally {
    prompt.close();
  }
}
