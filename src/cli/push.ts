import { homedir } from "node:os";
import { type Destination, type Pushed, pushAnswers } from "../remote/push-answers.ts";
import { type Leave, type PushedResults, pushResults } from "../remote/push-results.ts";
import type { RemoteFailure } from "../remote/remote.ts";
import { bytesText, countOf } from "../report/format.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { flag, text } from "./options.ts";
import { noRemote, onlyAt, progress, sharedCaches, writerIn } from "./remote-caches.ts";
import type { JobsSession } from "./session.ts";
import { ownResults } from "./shared-results.ts";

/**
 * `dsgen push`: shares what lies in the project and takes long to make, and the answers of this cache where the config lets it,
 * signed. Sends what is not there yet.
 */
export const push = command({
  name: "push",
  about: "share what was made here, and the answers that were paid for where that is said",
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
    const sharesAnswers = answers || config.share === "answers";
    const home = context.io.env["HOME"] || homedir();
    const leave = { answers: sharesAnswers, local: [session.projectRoot, home].filter((path) => path !== "/") };
    const made = await pushAll(session, to, leave, context.signal, progress(context.emit, remote.label));
    const { failure, pushed } = made;
    context.result(
      () => pushText(remote.label, pushed, sharesAnswers),
      () => [{ type: "pushed", cache: remote.label, ...pushed }],
    );
    if (failure === undefined && pushed.unreadable.length === 0) continue;
    code = EXIT.failed;
    const message =
      failure === undefined
        ? `${countOf(pushed.unreadable.length, "stored file")} could not be read, and no answer of theirs was shared.`
        : `${failure.message}; the rest was not shared.`;
    const fix =
      failure === undefined
        ? "dsgen fsck says which, dsgen recover fetches them again."
        : "When that is mended run again: it goes on there.";
    context.problems([{ kind: "io", where: remote.label, message, fix }]);
  }
  return context.signal.aborted ? EXIT.interrupted : code;
}

type AllPushed = Pushed & Pick<PushedResults, "results" | "kept">;

async function pushAll(
  { store }: JobsSession,
  to: Destination,
  leave: Leave,
  signal: AbortSignal,
  done: (files: number, of: number) => void,
): Promise<{ readonly pushed: AllPushed; readonly failure: RemoteFailure | undefined }> {
  const { pushed: made, failure } = await pushResults([...ownResults(store)], store.blobs, to, leave, signal);
  const pushed = { answers: 0, simulated: 0, unreadable: [], ...made };
  if (failure !== undefined || !leave.answers) return { pushed, failure };
  const all = await pushAnswers(store, to, signal, done);
  const answers = all.ok ? all.value : all.error.pushed;
  return {
    pushed: { ...answers, results: made.results, kept: made.kept, bytes: made.bytes + answers.bytes },
    failure: all.ok ? undefined : all.error.failure,
  };
}

function pushText(
  label: string,
  { results, kept, answers, simulated, bytes }: AllPushed,
  sharesAnswers: boolean,
): string {
  const made = simulated === 0 ? "" : ` ${countOf(simulated, "simulated answer")} not shared.`;
  const paid = sharesAnswers ? `, ${countOf(answers, "answer")}` : "";
  const why = sharesAnswers ? "" : " Answers are not shared: that takes `share: answers` in the config, or --answers.";
  const stay = kept === 0 ? "" : ` ${countOf(kept, "result")} not shared, for what is in them (docs/sharing.md).`;
  return `${label}: ${countOf(results, "result")}${paid} there, ${bytesText(bytes)} sent.${made}${stay}${why}\n`;
}
