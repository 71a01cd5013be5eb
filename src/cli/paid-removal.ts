import { isOpen, type Job } from "../batch/job.ts";
import { JobBook } from "../batch/job-book.ts";
import { countOf, money } from "../report/format.ts";
import { collectGarbage, type GcRequest } from "../store/gc.ts";
import { confirm } from "./ask-first.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { JobsSession } from "./session.ts";

/**
 * The blobs that jobs need whatever else is deleted: what was sent, by which answers that are still to come, or that come
 * late after all, are told apart.
 */
export function linesOfJobs(session: Pick<JobsSession, "store">): readonly Job["lines"][] {
  return jobs(session).flatMap((job) => (job.state === "collected" ? [] : [job.lines]));
}

/**
 * Before paid answers are deleted: refuses while a job is under way, says how many answers would go and what they cost, and
 * asks. Undefined when it may be done; else how the command ends, nothing having been deleted.
 */
export async function refusedRemoval(
  context: CommandContext,
  session: JobsSession,
  request: GcRequest,
  asked: { readonly command: string; readonly yes: boolean },
): Promise<ExitCode | undefined> {
  const open = jobs(session).filter(isOpen);
  const [first] = open;
  if (first !== undefined) {
    const others = open.length === 1 ? "" : ` and ${open.length - 1} more`;
    context.problems([
      {
        kind: "usage",
        where: asked.command,
        message: `paid answers are not deleted while ${countOf(open.length, "batch job")} ${open.length === 1 ? "is" : "are"} under way: ${first.batchId ?? first.id} (${first.requestFile})${others}.`,
        fix: "Let them end with dsgen build --wait, or end them with dsgen cancel and take in what they answered with dsgen status. Nothing was deleted.",
      },
    ]);
    return EXIT.usage;
  }
  if (request.dryRun) return undefined;
  const would = await collectGarbage(session.store, { ...request, dryRun: true });
  if (!would.ok) {
    context.problems([would.error]);
    return EXIT.failed;
  }
  const { paidAnswers, paidBlobs } = would.value;
  if (paidBlobs.count === 0 || asked.yes) return undefined;
  const spent = session.simulated
    ? "simulated ones"
    : `this project has paid ${money(session.answers.ledger.report().spentUsd)}`;
  const what = `${countOf(paidAnswers, "paid answer")} in ${countOf(paidBlobs.count, "file")} (${spent})`;
  const answer = await confirm(context, {
    where: asked.command,
    would: `it would delete ${what}, which would have to be paid for again`,
    about: "",
    question: `Delete ${what}? They would have to be paid for again.`,
  });
  if (answer === "yes") return undefined;
  return answer === "no" ? EXIT.upToDate : EXIT.usage;
}

/** The jobs of every namespace: a folder of blobs serves them all. */
function jobs({ store }: Pick<JobsSession, "store">): readonly Job[] {
  return new JobBook(store.journal).all();
}
