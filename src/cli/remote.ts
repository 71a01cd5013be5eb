import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { findProject } from "../config/config-files.ts";
import { recordsFolder } from "../remote/response-record.ts";
import { isWriterWord, writerFolder } from "../remote/writer.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { flag, operand, optionalOperand, text } from "./options.ts";
import { keyPath, makeKey, noRemote, sharedCaches, writerIn } from "./remote-caches.ts";
import { daysIn, removeOld, tellStats } from "./remote-upkeep.ts";
import type { JobsSession } from "./session.ts";
import { isWithin } from "./starters.ts";

const WHATS = ["keygen", "trust", "list", "stats", "gc"];

/** Nobody is asked for an answer. */
const AS_READER = { realWithoutKey: true };

/** `dsgen remote`: the key that this person signs with, whom the project trusts, and whether the shared caches answer. */
export const remote = command({
  name: "remote",
  about: "make a signing key, trust one, look at the shared caches, keep them small",
  examples: [
    ["dsgen remote keygen", "your signing key, once on each machine"],
    ["dsgen remote trust", "whoever builds this project believes what you share"],
    ["dsgen remote list", "whether each shared cache answers, and how much it has"],
    ["dsgen remote stats", "what each holds, by kind and by writer"],
    ["dsgen remote gc --keep 90d --dry-run", "what would be removed of results older than that"],
  ],
  takes: {
    what: { ...operand("<WHAT>", "keygen, trust, list, stats or gc"), choices: WHATS },
    key: optionalOperand("[KEY]", "with trust, the public key to believe (default: your own)"),
    keep: text("<DAYS>", "with gc, remove results that are older, as 90d; answers stay"),
    includePaid: flag("with gc, remove older answers too; who has them nowhere else would pay again"),
    yes: flag("with --include-paid: do not ask", "y"),
    dryRun: flag("with gc, only say what would be removed", "n"),
  },
  run: async (context, { what, key, keep, includePaid, yes, dryRun }) => {
    const days = daysIn(keep ?? "");
    if (what === "gc" && key === undefined && days !== undefined)
      return context.with(
        "jobs",
        "read",
        (session) => removeOld(context, session, days, { dryRun, includePaid, yes }),
        AS_READER,
      );
    if (what === "gc" || keep !== undefined || dryRun || includePaid || yes) {
      const message = `expected gc --keep DAYS, as 90d; found ${what}${keep === undefined ? "" : ` --keep ${keep}`}.`;
      return context.refuse([{ kind: "usage", where: "dsgen remote", message, fix: "Nothing was removed." }]);
    }
    if (what === "stats" && key === undefined)
      return context.with("jobs", "read", (session) => tellStats(context, session), AS_READER);
    if (what === "keygen" && key === undefined) return keygen(context);
    if (what === "trust") return trust(context, key);
    if (what === "list" && key === undefined)
      return context.with("jobs", "read", (session) => list(context, session), AS_READER);
    const message = `expected keygen, trust [KEY], list, stats or gc; found ${[what, ...(key === undefined ? [] : [key])].join(" ")}.`;
    return context.refuse([{ kind: "usage", where: "dsgen remote", message, fix: "See dsgen remote --help." }]);
  },
});

function keygen(context: CommandContext): ExitCode {
  const { cwd, env } = context.io;
  const key = makeKey(env);
  if (!key.ok) return context.refuse([key.error], EXIT.failed);
  const { word, made } = key.value;
  const project = findProject(cwd, context.common.configDir);
  if (project.ok && isWithin(keyPath(env), project.value.root)) {
    const message = `${keyPath(env)} lies in the project: whoever gets it signs as you. Do not commit it, or move it away`;
    context.notice("warning", "remote", message);
  }
  context.result(
    () => `${made ? "Made" : "Found"} ${keyPath(env)}. Its public key, for remote.trust:\n${word}\n`,
    () => [{ type: "remote-key", key: word, made }],
  );
  return EXIT.upToDate;
}

/** Adds a public key to `remote.trust` in dsgen.yaml; everything else in the file stays, its comments too. */
function trust(context: CommandContext, given: string | undefined): ExitCode {
  const { cwd, env } = context.io;
  const own = given === undefined ? writerIn(env) : undefined;
  if (own?.ok === false) return context.refuse([own.error]);
  const word = own?.ok === true ? own.value.word : (given ?? "");
  if (!isWriterWord(word)) {
    const message = `expected a public key (ed25519: and 43 characters), found ${JSON.stringify(word)}.`;
    return context.refuse([{ kind: "usage", where: "dsgen remote trust", message, fix: "Nothing was changed." }]);
  }
  const project = findProject(cwd, context.common.configDir);
  if (!project.ok) return context.refuse([project.error]);
  const path = join(project.value.configDir, "dsgen.yaml");
  const document = parseDocument(readFileSync(path, "utf8"));
  if (document.errors.length > 0 || !document.hasIn(["remote", "project"]))
    return context.refuse([noRemote("dsgen remote trust")]);
  const before: unknown = document.toJS()?.remote?.trust;
  const there = Array.isArray(before) && before.includes(word);
  if (!there) {
    if (Array.isArray(before)) document.addIn(["remote", "trust"], word);
    else document.setIn(["remote", "trust"], document.createNode([word]));
    writeFileSync(path, document.toString({ lineWidth: 0 }));
  }
  context.result(
    () =>
      `${word}\n${there ? "was trusted already" : "is trusted from now on"}: remote.trust in dsgen.yaml. Commit it.\n`,
    () => [{ type: "remote-trust", key: word, added: !there }],
  );
  return EXIT.upToDate;
}

async function list(context: CommandContext, session: JobsSession): Promise<ExitCode> {
  const { remote: config } = session.settings.dsgen;
  if (config === null) return context.refuse([noRemote("dsgen remote list")]);
  const folder = recordsFolder(config.project);
  const folders = new Set(config.trust.map((word) => `${folder}/${writerFolder(word)}`));
  let code: ExitCode = EXIT.upToDate;
  for (const { remote: cache, writable } of sharedCaches(config, session.projectRoot, context.io.env)) {
    const listed = await cache.list(folder, context.signal);
    if (!listed.ok) code = EXIT.failed;
    const names = listed.ok ? listed.value : [];
    const trusted = names.filter((name) => folders.has(name.slice(0, name.lastIndexOf("/")))).length;
    const problem = listed.ok ? null : listed.error.message;
    const line = { cache: cache.label, writable, records: names.length, trusted, problem };
    context.result(
      () =>
        `${cache.label} (${writable ? "read-write" : "read"}): ${problem ?? `${names.length} records, ${trusted} by trusted writers`}\n`,
      () => [{ type: "remote-cache", ...line }],
    );
  }
  context.result(
    () => config.trust.map((word) => `trusted: ${word}\n`).join(""),
    () => [],
  );
  return code;
}
