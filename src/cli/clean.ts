import { existsSync, lstatSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import type { LiveTarget, Target } from "../graph/target.ts";
import { cleanText } from "../report/clean.ts";
import type { CleanLine, CleanTotalLine } from "../report/result-line.ts";
import type { GcReport } from "../store/gc.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { CleanFlags } from "./invocation.ts";
import { orphans, orphanViews } from "./orphans.ts";
import { cacheRemoval, freedBytes } from "./paid-removal.ts";
import { datasetFiles, partialName } from "./partial-names.ts";
import type { GraphSession } from "./session.ts";

/**
 * `dsgen clean`: removes the files that dsgen placed and that still hold what it placed. A file that a person has changed,
 * or that dsgen never put there, stays and is named. Paid answers and the journal stay, whatever is given, unless
 * --include-paid says so.
 */
export async function runClean(context: CommandContext, flags: CleanFlags): Promise<ExitCode> {
  const { cache, dryRun, includePaid, yes } = flags;
  const { task } = context.common;
  const misuse = misuseOf(flags, task);
  if (misuse !== undefined) {
    context.problems([misuse]);
    return EXIT.usage;
  }
  const opened = await context.open("graph", dryRun ? "read" : "write", { command: "dsgen clean" });
  if (!opened.ok) return opened.error;
  const session = opened.value;
  try {
    const command = "dsgen clean --include-paid";
    const removal = await cacheRemoval(context, session, { command, keepNeeded: false, includePaid, yes, dryRun });
    if (!removal.ok) return removal.error;
    const lines = flags.orphans ? cleanOrphans(session, dryRun) : cleanTargets(session, task, dryRun);
    if (!dryRun) await session.store.workspace.flush();
    const gc = cache ? await removal.value() : undefined;
    if (gc !== undefined && !gc.ok) return gc.error;
    const total = totalOf(lines, gc?.value, dryRun);
    context.result(
      () => cleanText(lines, total, includePaid, context.style),
      () => [...lines, total],
    );
    return EXIT.upToDate;
  } finally {
    await session.close();
  }
}

function misuseOf({ cache, includePaid, orphans }: CleanFlags, task: string | undefined): Problem | undefined {
  if (includePaid && !cache) {
    return {
      kind: "usage",
      where: "--include-paid",
      message: "paid answers are in the cache, and only --cache cleans that.",
      fix: "Say both, dsgen clean --cache --include-paid, if they shall really go.",
    };
  }
  if (!orphans || task === undefined) return undefined;
  return {
    kind: "usage",
    where: "--orphans",
    message: "files whose target is no more belong to no task.",
    fix: "Leave out --task.",
  };
}

/** What targets have placed, with what partial builds have written beside the datasets. */
function cleanTargets(session: GraphSession, task: string | undefined, dryRun: boolean): readonly CleanLine[] {
  const ofTask = (one: { readonly task?: string }) => task === undefined || one.task === task;
  const targets = session.graph.targets.filter(ofTask);
  const files = datasetFiles(session.config);
  const twins = targets.filter(({ name }) => files.includes(name)).map(({ name }) => partialName(name) as TargetName);
  return [
    ...[...targets, ...twins.map((name) => ({ name, outputs: [name] }))].flatMap((target) =>
      cleanTarget(session, target, dryRun),
    ),
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
  const same = readFileSync(path, "utf8") === session.answers.view(live);
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
