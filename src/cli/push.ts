import { type Pushed, pushAnswers } from "../remote/push-answers.ts";
import { bytesText, countOf } from "../report/format.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { flag, text } from "./options.ts";
import { noRemote, onlyAt, progress, sharedCaches, writerIn } from "./remote-caches.ts";
import type { JobsSession } from "./session.ts";

/** `dsgen push`: shares the answers of this cache, signed, where the config lets it. Sends what is not there yet. */
export const push = command({
  name: "push",
  about: "share the answers that were paid for here",
  examples: [["dsgen push", "sends what the shared cache of config/dsgen.yaml lacks"]],
  takes: {
    answers: flag("share paid answers, whether or not the config says `share: answers`"),
    to: text("<WHERE>", "share there instead, as in a backup: a folder, https://HOST/PATH or s3://BUCKET/PREFIX"),
  },
  run: (context, { answers, to }) =>
    context.with("jobs", "read", (session) => runPush(context, session, answers, to), { realWithoutKey: true }),
});

async function runPush(
  context: CommandContext,
  session: JobsSession,
  answers: boolean,
  where: string | undefined,
): Promise<ExitCode> {
  const { remote: written } = session.settings.dsgen;
  if (written === null) return context.refuse([noRemote("dsgen push")]);
  const config = onlyAt(written, where, context.io.cwd);
  const writable = sharedCaches(config, session.projectRoot, context.io.env).filter((cache) => cache.writable);
  if (!answers && config.share !== "answers") {
    const message = "paid answers are shared only when that is said in so many words.";
    const fix = "Write `share: answers` under remote: in config/dsgen.yaml, or say --answers. Nothing was sent.";
    return context.refuse([{ kind: "config", where: "dsgen push", message, fix }]);
  }
  if (writable.length === 0) {
    const message = "expected a cache under remote: in config/dsgen.yaml with access: read-write; found none.";
    const fix = "Write `access: read-write` at the one to share in. Nothing was sent.";
    return context.refuse([{ kind: "config", where: "dsgen push", message, fix }]);
  }
  const writer = writerIn(context.io.env);
  if (!writer.ok) return context.refuse([writer.error]);
  if (!config.trust.includes(writer.value.word)) {
    const message = `${writer.value.word} is not under remote.trust in config/dsgen.yaml: nobody will believe what it signs`;
    context.notice("warning", "remote", `${message}. dsgen remote trust adds it.`);
  }
  let code: ExitCode = EXIT.upToDate;
  for (const { remote } of writable) {
    const to = { remote, project: config.project, writer: writer.value };
    const done = await pushAnswers(session.store, to, context.signal, progress(context.emit, remote.label));
    const pushed = done.ok ? done.value : done.error.pushed;
    context.result(
      () => pushText(remote.label, pushed),
      () => [{ type: "pushed", cache: remote.label, ...pushed }],
    );
    if (done.ok && pushed.unreadable.length === 0) continue;
    code = EXIT.failed;
    const message = done.ok
      ? `${countOf(pushed.unreadable.length, "stored file")} could not be read, and no answer of theirs was shared.`
      : `${done.error.failure.message}; the rest was not shared.`;
    const fix = done.ok ? "dsgen fsck says which, dsgen recover fetches them again." : "Run again: it goes on there.";
    context.problems([{ kind: "io", where: remote.label, message, fix }]);
  }
  return context.signal.aborted ? EXIT.interrupted : code;
}

function pushText(label: string, { answers, simulated, bytes }: Pushed): string {
  const made = simulated === 0 ? "" : ` ${countOf(simulated, "simulated answer")} not shared.`;
  return `${label}: ${countOf(answers, "answer")} there, ${bytesText(bytes)} sent.${made}\n`;
}
