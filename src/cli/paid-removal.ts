import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { isOpen, type Job } from "../batch/job.ts";
import { JobBook } from "../batch/job-book.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { countOf, money } from "../report/format.ts";
import { collectGarbage, type GcReport, type GcRequest } from "../store/gc.ts";
import { unconfirmed } from "./confirm.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { GraphSession } from "./session.ts";

interface Removal {
  readonly dryRun: boolean;
  readonly includePaid: boolean;
  readonly yes: boolean;
  /** What the targets as they stand were made from stays. */
  readonly keepNeeded: boolean;
}

/**
 * What deletes from the cache, once nothing speaks against it: while a job is under way no paid answer is deleted, and before
 * any is, it is said how many would go and what they cost, and asked. The error is how the command ends, nothing deleted.
 */
export async function cacheRemoval(
  context: CommandContext,
  session: GraphSession,
  asked: Removal,
): Promise<Result<() => Promise<Result<GcReport, ExitCode>>, ExitCode>> {
  // The jobs of every namespace: a folder of blobs serves them all.
  const jobs = new JobBook(session.store.journal).all();
  const request = requestOf(session, jobs, asked);
  const where = `${context.command} --include-paid`;
  const collected = async (dryRun: boolean) => {
    const report = collectGarbage(session.store, { ...request, dryRun });
    return report.ok ? report : err(context.refuse([report.error], EXIT.failed));
  };
  const go = () => collected(asked.dryRun);
  if (!asked.includePaid) return ok(go);
  const underWay = jobs.filter(isOpen);
  if (underWay.length > 0) return err(context.refuse([notWhile(underWay, where)]));
  if (asked.dryRun || asked.yes) return ok(go);
  const would = await collected(true);
  if (!would.ok) return would;
  const { paidAnswers, paidBlobs } = would.value;
  if (paidBlobs.count === 0) return ok(go);
  const { spentUsd } = session.answers.ledger.report();
  const spent = session.simulated ? "simulated ones" : `this project has paid ${money(spentUsd)}`;
  const what = `${countOf(paidAnswers, "paid answer")} in ${countOf(paidBlobs.count, "file")} (${spent})`;
  const refused = await unconfirmed(context, {
    where,
    would: `it would delete ${what}, which would have to be paid for again`,
    about: "",
    question: `Delete ${what}? They would have to be paid for again.`,
  });
  return refused === undefined ? ok(go) : err(refused);
}

export function freedBytes({ blobs, paidBlobs, actions, expansions, leftovers }: GcReport): number {
  return [blobs, paidBlobs, actions, expansions, leftovers].reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * Whatever else is deleted, what a job sent stays until it is collected: by it answers that are still to come, or that come
 * late after all, are told apart.
 */
function requestOf(
  { graph, projectRoot, store }: GraphSession,
  jobs: readonly Job[],
  { includePaid, keepNeeded }: Removal,
): Omit<GcRequest, "dryRun"> {
  const needed = keepNeeded ? graph.targets.flatMap(({ name }) => store.workspace.placement(name) ?? []) : [];
  const sent = jobs.flatMap((job) => (job.state === "collected" ? [] : [job.lines]));
  const folders = new Set(graph.targets.map(({ name }) => dirname(join(projectRoot, name))));
  return {
    roots: [...needed.flatMap(({ outputs }) => outputs), ...sent],
    keepActions: needed.map(({ key }) => key),
    ...(keepNeeded ? {} : { keepExpansions: [] }),
    protectedDigests: [],
    includePaid,
    sweepFolders: [...folders].filter((folder) => statSync(folder, { throwIfNoEntry: false })?.isDirectory()),
  };
}

function notWhile(underWay: readonly Job[], where: string): Problem {
  const [first] = underWay;
  const others = underWay.length === 1 ? "" : ` and ${underWay.length - 1} more`;
  const jobs = `${countOf(underWay.length, "batch job")} ${underWay.length === 1 ? "is" : "are"} under way`;
  return {
    kind: "usage",
    where,
    message: `paid answers are not deleted while ${jobs}: ${first?.batchId ?? first?.id} (${first?.requestFile})${others}.`,
    fix: "Let them end with dsgen build --wait, or end them with dsgen cancel and take in what they answered with dsgen status. Nothing was deleted.",
  };
}
