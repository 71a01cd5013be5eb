import { existsSync, lstatSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import type { LiveTarget, Target } from "../graph/target.ts";
import { cleanText } from "../report/clean.ts";
import type { CleanLine, CleanTotalLine } from "../report/result-schema.ts";
import type { GcReport } from "../store/gc.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { datasetFiles, partialName } from "./goals.ts";
import { flag, type Given } from "./options.ts";
import { orphans, orphanViews } from "./orphans.ts";
import { cacheRemoval, freedBytes } from "./paid-removal.ts";
import type { GraphSession } from "./session.ts";

const takes = {
  orphans: flag("remove only files whose target is no more: a task was removed, renamed or made smaller"),
  cache: flag("also remove from the cache what can be made again for free"),
  includePaid: flag("with --cache: remove paid answers too; they would have to be paid for again"),
  yes: flag("with --include-paid: do not ask", "y"),
  dryRun: flag("only say what would be removed", "n"),
};

type Asked = Given<typeof takes>;

/**
 * `dsgen clean`: removes the files that dsgen placed and that still hold what it placed. A file that a person has changed,
 * or that dsgen never put there, stays and is named. Paid answers and the journal stay, whatever is given, unless
 * --include-paid says so.
 */
export const clean = command({
  name: "clean",
  about: "remove generated files; hand-edited ones and paid answers stay",
  examples: [
    ["dsgen clean --dry-run", "what would go"],
    ["dsgen clean --orphans", "files of tasks that were renamed or made smaller"],
  ],
  takes,
  run: async (context, asked) => {
    const misuse = misuseOf(asked, context.common.task);
    if (misuse !== undefined) return context.refuse([misuse]);
    return context.with("graph", asked.dryRun ? "read" : "write", (session) => runClean(context, session, asked));
  },
});

function misuseOf(asked: Asked, task: string | undefined): Problem | undefined {
  if (asked.includePaid && !asked.cache) {
    return {
      kind: "usage",
      where: "--include-paid",
      message: "paid answers are in the cache, and only --cache cleans that.",
      fix: "Say both, dsgen clean --cache --include-paid, if they shall really go.",
    };
  }
  if (!asked.orphans || task === undefined) return undefined;
  const message = "files whose target is no more belong to no task.";
  return { kind: "usage", where: "--orphans", message, fix: "Leave out --task." };
}

async function runClean(context: CommandContext, session: GraphSession, asked: Asked): Promise<ExitCode> {
  const { includePaid, dryRun } = asked;
  const removal = await cacheRemoval(context, session, { ...asked, keepNeeded: false });
  if (!removal.ok) return removal.error;
  const lines = asked.orphans ? cleanOrphans(session, dryRun) : cleanTargets(session, context.common.task, dryRun);
  if (!dryRun) await session.store.workspace.flush();
  const gc = asked.cache ? await removal.value() : undefined;
  if (gc?.ok === false) return gc.error;
  const total = totalOf(lines, gc?.value, dryRun);
  context.result(
    () => cleanText(lines, total, includePaid, context.style),
    () => [...lines, total],
  );
  return EXIT.upToDate;
}

/** What targets have placed, with what partial builds have written beside the datasets. */
function cleanTargets(session: GraphSession, task: string | undefined, dryRun: boolean): CleanLine[] {
  const ofTask = (one: { readonly task?: string }) => task === undefined || one.task === task;
  const targets = session.graph.targets.filter(ofTask);
  const files = datasetFiles(session.config);
  const twins = targets
    .filter(({ name, stage }) => files.includes(name) || stage === "report")
    .map(({ name }) => partialName(name) as TargetName);
  const all = [...targets, ...twins.map((name) => ({ name, outputs: [name] }))];
  return [
    ...all.flatMap((target) => cleanTarget(session, target, dryRun)),
    ...session.graph.live.filter(ofTask).flatMap((live) => cleanView(session, live, dryRun)),
  ];
}

function cleanTarget(session: GraphSession, target: Pick<Target, "name" | "outputs">, dryRun: boolean): CleanLine[] {
  const { content, workspace } = session.store;
  const placement = workspace.placement(target.name);
  const lines = target.outputs.flatMap((name, i): CleanLine[] => {
    const path = join(session.projectRoot, name);
    const digest = content.digest(path);
    if (digest === undefined) return [];
    const placed = placement?.outputs[i];
    if (placed === undefined) return [kept(name, "not-placed-by-dsgen")];
    if (placed !== digest) return [kept(name, "edited")];
    return [remove(session, name, dryRun)];
  });
  // What is forgotten is made or restored anew; a file that stays must stay known, or it would pass for foreign.
  if (!dryRun && placement !== undefined && lines.every((line) => line.action !== "kept"))
    workspace.forget(target.name);
  return lines;
}

/** What is left of targets that are no more, and the views of their jobs. */
function cleanOrphans(session: GraphSession, dryRun: boolean): CleanLine[] {
  const { store, graph } = session;
  const found = orphans(session, graph);
  const views = orphanViews(found, graph).flatMap((live) => cleanView(session, live, dryRun));
  const files = found.map(({ file, target, state }) => ({
    target,
    line: state === "as-placed" ? remove(session, file, dryRun) : kept(file, state),
  }));
  const left = new Set(files.filter(({ line }) => line.action === "kept").map(({ target }) => target));
  if (!dryRun) for (const { target } of found) if (!left.has(target)) store.workspace.forget(target);
  return [...files.map(({ line }) => line), ...views];
}

/** A view is ours when it says what a build would write now. */
function cleanView(session: GraphSession, live: LiveTarget, dryRun: boolean): CleanLine[] {
  const path = join(session.projectRoot, live.name);
  if (!existsSync(path)) return [];
  const isTarget = (name: string) => session.graph.target(name) !== undefined;
  const same = readFileSync(path, "utf8") === session.answers.view(live, isTarget);
  return [same ? remove(session, live.name, dryRun) : kept(live.name, "edited")];
}

function kept(file: string, why: NonNullable<CleanLine["why"]>): CleanLine {
  return { type: "clean", file, action: "kept", why };
}

function remove(session: GraphSession, file: string, dryRun: boolean): CleanLine {
  // A build writes through it; to remove it would lose where a person wants the file.
  if (lstatSync(join(session.projectRoot, file), { throwIfNoEntry: false })?.isSymbolicLink() === true)
    return kept(file, "symbolic-link");
  if (dryRun) return { type: "clean", file, action: "would-remove", why: null };
  const path = join(session.projectRoot, file);
  rmSync(path, { force: true });
  removeEmptyFolders(dirname(path), session.projectRoot);
  return { type: "clean", file, action: "removed", why: null };
}

/** Folders that held nothing but what was removed; never the project root itself. */
function removeEmptyFolders(start: string, root: string): void {
  for (let folder = start; folder !== root && folder.startsWith(root); folder = dirname(folder)) {
    if (readdirSync(folder).length > 0) return;
    rmdirSync(folder);
  }
}

function totalOf(lines: readonly CleanLine[], gc: GcReport | undefined, dryRun: boolean): CleanTotalLine {
  return {
    type: "clean-total",
    removed: lines.filter((line) => line.action !== "kept").length,
    kept: lines.filter((line) => line.action === "kept").length,
    cache: gc !== undefined,
    freedBytes: gc === undefined ? 0 : freedBytes(gc),
    paidAnswersRemoved: gc?.paidAnswers ?? 0,
    paidBytesKept: gc === undefined ? null : gc.keptPaid.bytes + gc.keptUnknown.bytes,
    dryRun,
  };
}
