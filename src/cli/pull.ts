import { bytesText, countOf } from "../report/format.ts";
import { pricesIn } from "./answers.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { flag, text } from "./options.ts";
import { noRemote, onlyAt } from "./remote-caches.ts";
import { pullFrom } from "./remote-pull.ts";
import type { JobsSession } from "./session.ts";

/** `dsgen pull`: takes in the answers that trusted writers share. Asks the provider nothing, and needs no key. */
export const pull = command({
  name: "pull",
  about: "take in the answers that others share, for nothing",
  examples: [["dsgen pull", "and what was lost here comes back; a build takes what is new by itself"]],
  takes: {
    answers: flag("take paid answers, whether or not the config says `share: answers`"),
    from: text("<WHERE>", "take from there instead: what dsgen push --to was given"),
  },
  run: (context, { answers, from }) =>
    context.with("jobs", "write", (session) => runPull(context, session, answers, from), { realWithoutKey: true }),
});

async function runPull(
  context: CommandContext,
  session: JobsSession,
  answers: boolean,
  where: string | undefined,
): Promise<ExitCode> {
  const { remote: written } = session.settings.dsgen;
  if (written === null) return context.refuse([noRemote("dsgen pull")]);
  const config = onlyAt(written, where, context.io.cwd);
  if (!answers && config.share !== "answers") {
    const message = "the config does not say that paid answers are shared.";
    const fix = "Write `share: answers` under remote: in config/dsgen.yaml, or say --answers. Nothing was taken.";
    return context.refuse([{ kind: "config", where: "dsgen pull", message, fix }]);
  }
  let code: ExitCode = EXIT.upToDate;
  for await (const { label, pulled, failure } of pullFrom(
    config,
    { ...session, env: context.io.env, priceOf: pricesIn(session.settings) },
    true,
    context.emit,
    context.signal,
  )) {
    context.result(
      () =>
        `${label}: ${countOf(pulled.answers, "answer")} taken, ${countOf(pulled.known, "answer")} here already, ${bytesText(pulled.bytes)}.\n`,
      () => {
        const { tokens: _, ...told } = pulled;
        return [{ type: "pulled", cache: label, ...told }];
      },
    );
    if (failure === undefined) continue;
    code = EXIT.failed;
    const fix = "When that is mended run again: it goes on there.";
    context.problems([{ kind: "io", where: label, message: `${failure.message}; the rest was not taken.`, fix }]);
  }
  return context.signal.aborted ? EXIT.interrupted : code;
}
