import { type Removal, type Removed, removeOlder, type Stats, statsOf } from "../remote/upkeep.ts";
import { bytesText, count, countOf } from "../report/format.ts";
import { unconfirmed } from "./confirm.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { noRemote, type SharedCache, sharedCaches } from "./remote-caches.ts";
import type { JobsSession } from "./session.ts";
import { systemClock } from "./surroundings.ts";

const DAY_MS = 86_400_000;

/** Days from `90d`; undefined for anything else. */
export function daysIn(text: string): number | undefined {
  const days = /^(\d{1,5})d$/.exec(text)?.[1];
  return days === undefined || Number(days) < 1 ? undefined : Number(days);
}

/** `dsgen remote stats`: what each shared cache holds, by kind and by writer. */
export async function tellStats(context: CommandContext, session: JobsSession): Promise<ExitCode> {
  return each(
    context,
    session,
    "stats",
    () => true,
    async ({ remote }, trust) => {
      const stats = await statsOf(remote, trust, context.signal);
      if (!stats.ok) return stats.error.message;
      context.result(
        () => statsText(remote.label, stats.value),
        () => [{ type: "remote-stats", cache: remote.label, ...stats.value }],
      );
      return undefined;
    },
  );
}

function statsText(label: string, { kinds, writers, oldest, newest }: Stats): string {
  const row = (name: string, { count: many, bytes }: { count: number; bytes: number }) =>
    `  ${name.padEnd(8)} ${count(many).padStart(9)}  ${bytesText(bytes)}\n`;
  const rows = Object.entries(kinds).flatMap(([kind, amount]) => (amount.count === 0 ? [] : [row(kind, amount)]));
  const by = Object.entries(writers).map(([writer, records]) => `  ${countOf(records, "record")} by ${writer}\n`);
  const day = (at: number) => new Date(at).toISOString().slice(0, 10);
  const age = oldest === null || newest === null ? "" : `  written from ${day(oldest)} to ${day(newest)}\n`;
  return `${label}\n${rows.join("")}${by.join("")}${age}${rows.length === 0 ? "  nothing\n" : ""}`;
}

/**
 * `dsgen remote gc --keep 90d`: removes old results, and files that nothing names, where it may write. Of answers it is said
 * how many would go, and asked, before any does.
 */
export async function removeOld(
  context: CommandContext,
  session: JobsSession,
  days: number,
  asked: Removal & { readonly yes: boolean },
): Promise<ExitCode> {
  const before = systemClock.now() - days * DAY_MS;
  return each(
    context,
    session,
    "gc",
    ({ writable }) => writable,
    async ({ remote }) => {
      const remove = (how: Removal) => removeOlder(remote, before, how, context.signal);
      if (asked.includePaid && !asked.dryRun && !asked.yes) {
        const would = await remove({ ...asked, dryRun: true });
        if (!would.ok) return `${would.error.failure.message}; nothing was removed`;
        const what = `${countOf(would.value.answers, "record")} of paid answers in ${remote.label}`;
        const question = {
          where: "dsgen remote gc --include-paid",
          would: `it would remove ${what}; who has them nowhere else would pay again`,
          about: "",
          question: `Remove ${what}? Who has them nowhere else would pay again.`,
        };
        const refused = would.value.answers === 0 ? undefined : await unconfirmed(context, question);
        if (refused !== undefined) return refused;
      }
      const done = await remove(asked);
      const removed = done.ok ? done.value : done.error.removed;
      context.result(
        () => removedText(remote.label, removed, asked),
        () => [{ type: "remote-gc", cache: remote.label, dryRun: asked.dryRun, ...removed }],
      );
      return done.ok ? undefined : `${done.error.failure.message}; the rest was not removed`;
    },
  );
}

function removedText(
  label: string,
  { answers, results, files, bytes, ageless }: Removed,
  { dryRun, includePaid }: Removal,
): string {
  const paid = includePaid ? `${countOf(answers, "record")} of paid answers, ` : "";
  const what = `${paid}${countOf(results, "result")} and ${countOf(files, "file")}, ${bytesText(bytes)}`;
  const old = ageless === 0 ? "" : ` The server tells no age of ${count(ageless)}: they stay.`;
  const stay = includePaid ? "" : " Answers stay.";
  return `${label}: ${what} ${dryRun ? "would be removed" : "removed"}.${stay}${old}\n`;
}

/** Does something with each shared cache; `work` answers what went wrong, or how the command ends. */
async function each(
  context: CommandContext,
  session: JobsSession,
  what: string,
  isMeant: (cache: SharedCache) => boolean,
  work: (cache: SharedCache, trust: readonly string[]) => Promise<string | ExitCode | undefined>,
): Promise<ExitCode> {
  const { remote: config } = session.settings.dsgen;
  if (config === null) return context.refuse([noRemote(`dsgen remote ${what}`)]);
  const caches = sharedCaches(config, session.projectRoot, context.io.env).filter(isMeant);
  if (caches.length === 0) {
    const message = "expected a cache under remote: in config/dsgen.yaml with access: read-write; found none.";
    return context.refuse([{ kind: "config", where: `dsgen remote ${what}`, message, fix: "Nothing was removed." }]);
  }
  let code: ExitCode = EXIT.upToDate;
  for (const cache of caches) {
    const wrong = await work(cache, config.trust);
    if (wrong === undefined) continue;
    if (typeof wrong !== "string") return wrong;
    code = EXIT.failed;
    const fix = "When that is mended run again: it goes on there.";
    context.problems([{ kind: "io", where: cache.remote.label, message: `${wrong}.`, fix }]);
  }
  return context.signal.aborted ? EXIT.interrupted : code;
}
