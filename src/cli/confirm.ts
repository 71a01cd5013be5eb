import { createInterface } from "node:readline/promises";
import type { Ask, Emit } from "../events/schema.ts";
import type { Problem } from "../graph/problem.ts";
import { countOf, money } from "../report/format.ts";
import { sumAsks } from "../report/plan.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";

type AskPerson = (question: string, signal: AbortSignal) => Promise<boolean>;

/** Asks whoever is at the terminal; undefined where nobody is. */
export function personToAsk(context: CommandContext): AskPerson | undefined {
  const dialogue = dialogueOf(context);
  return dialogue && ((question, signal) => saysYes(dialogue, question, signal));
}

/** Where a person can be asked; undefined where nobody is: a terminal to write to is wanted, and one to read from. */
export function dialogueOf({ io, common }: CommandContext): Dialogue | undefined {
  const { terminal } = io;
  if (terminal === undefined || process.stdin.isTTY !== true || common.json) return undefined;
  return { from: process.stdin, to: terminal };
}

/** A terminal, or what stands in for one. */
interface Dialogue {
  readonly from: NodeJS.ReadableStream;
  readonly to: NodeJS.WritableStream;
}

/** Asks a person. Anything but yes is no, an input that ends and Ctrl-C among it; Ctrl-C also interrupts, as ever. */
export async function saysYes(dialogue: Dialogue, question: string, signal: AbortSignal): Promise<boolean> {
  return /^y(es)?$/i.test((await answerTo(dialogue, `${question} [y/N]`, signal)) ?? "");
}

/** A person's answer in a line, without blanks around it; undefined for an input that ends, and after Ctrl-C. */
export async function answerTo(
  { from, to }: Dialogue,
  question: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const prompt = createInterface({ input: from, output: to });
  // While a line is read the terminal hands Ctrl-C to the reader, and no signal comes of it unless it is passed on.
  prompt.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  const ended = new Promise<undefined>((resolve) => {
    prompt.once("close", () => resolve(undefined));
  });
  try {
    return (await Promise.race([prompt.question(`${question} `, { signal }), ended]))?.trim();
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    prompt.close();
  }
}

/**
 * Asks before something that is not done unasked.
 * @param where the command or option that a refusal names
 * @param would for whoever cannot be asked: `it would end 3 paid batch jobs`
 * @param about shown above the question
 * @returns undefined for a yes; else how the command ends
 */
export async function unconfirmed(
  context: CommandContext,
  { where, would, about, question }: { where: string; would: string; about: string; question: string },
): Promise<ExitCode | undefined> {
  const ask = personToAsk(context);
  if (ask === undefined) {
    const message = `${would}, and there is nobody here to ask.`;
    return context.refuse([{ kind: "usage", where, message, fix: "Say --yes." }]);
  }
  context.io.stderr.write(about);
  return (await ask(question, context.signal)) ? undefined : EXIT.upToDate;
}

export interface Confirming {
  readonly ask: AskPerson | undefined;
  /** US dollars above which a person is asked; null: nobody is, because of `--yes` or because nothing is paid. */
  readonly above: () => number | null;
  readonly emit: Emit;
  /** Has what was told so far written to the terminal, with room below it. */
  readonly pause: () => Promise<void>;
}

/**
 * Tells what is about to be sent and what it may cost, and asks a person at a terminal when that may be more than the
 * config allows unasked, or is not known. A build may send in rounds: what was agreed to is not counted again.
 */
export function confirmer({ ask, above, emit, pause }: Confirming) {
  let unasked = 0;
  return async (asks: readonly Ask[], signal: AbortSignal): Promise<Problem | undefined> => {
    const sum = sumAsks(asks);
    emit({ type: "asking", files: asks.length, ...sum });
    // What it may cost is on the terminal before anything is sent, not below a display that is redrawn.
    await pause();
    const bound = above();
    unasked += sum.maxCostUsd ?? Number.POSITIVE_INFINITY;
    if (bound === null || unasked <= bound || ask === undefined) return undefined;
    const most = sum.maxCostUsd === null ? "at a cost that is not known" : `for at most ${money(sum.maxCostUsd)}`;
    const agreed = await ask(`Send ${countOf(sum.requests, "request")} ${most}?`, signal);
    unasked = 0;
    return agreed ? undefined : DECLINED;
  };
}

const DECLINED: Problem = {
  kind: "budget",
  where: "dsgen build",
  message: "it was not confirmed, so nothing more was sent.",
  fix: "Run it again, or with --yes; confirm_above in config/dsgen.yaml is the bound.",
};
