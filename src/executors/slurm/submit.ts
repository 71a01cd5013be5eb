import { faultPoint } from "../../engine/fault-points.ts";
import type { Clock } from "../../engine/ports.ts";
import { backoffMs, retrying, type WaitAfter } from "../../engine/retry.ts";
import type { JsonObject } from "../../graph/json.ts";
import { err, ok, type Result } from "../../graph/result.ts";
import { type ArrayId, type ArrayJob, jobName } from "./array.ts";
import type { ArrayBook } from "./array-book.ts";
import { claimOf, folderOf, scriptOf } from "./array-folder.ts";
import type { Answered, RunSlurm, SchedulerError } from "./commands.ts";
import { lookAtQueue } from "./queue.ts";
import type { Resources, SlurmSettings } from "./settings.ts";

/** What every step of an array needs of its surroundings. */
export interface ArrayContext {
  readonly book: ArrayBook;
  readonly run: RunSlurm;
  readonly clock: Clock;
  readonly settings: SlurmSettings;
  /** Below the cache, on a file system that the nodes share. */
  readonly root: string;
  readonly signal: AbortSignal;
  readonly submits: SubmitCalls;
}

/** When an sbatch can last have been acted on, by the monotonic clock. */
export interface SubmitCalls {
  /** When this process began. One of an earlier one, which held the lock, ends by itself in its time after that. */
  readonly startedAt: number;
  /** When the last unclear sbatch of an array ended, for those of this process. */
  readonly ended: Map<ArrayId, number>;
}

/** Why an array is not with the scheduler. `unknown`: it may be, and a later look tells. */
export type NotSubmitted =
  | { readonly kind: "not-now"; readonly error: SchedulerError }
  | { readonly kind: "refused"; readonly error: SchedulerError }
  | { readonly kind: "unknown"; readonly why: string };

export type Submitted = Result<ArrayJob, NotSubmitted>;

/** Hands an array over. Its intent is on disk: whatever becomes of the call, the next look knows its name. */
export async function submit(array: ArrayJob, context: ArrayContext): Promise<Submitted> {
  const { book, clock, run, settings } = context;
  faultPoint("cluster.sbatch.before");
  const call = await retrying(
    () => run("sbatch", sbatchArguments(array, context)),
    ifNothingWasDone(settings),
    context,
  );
  faultPoint("cluster.sbatch.after");
  if (call.ok) {
    const job = jobIn(call.value);
    if (job !== undefined) return ok(submitted(array, job, false, context));
    context.submits.ended.set(array.id, clock.monotonic());
    return err({
      kind: "unknown",
      why: `sbatch answered ${JSON.stringify(call.value.slice(0, 80))}, which is no job's id`,
    });
  }
  const { error } = call;
  switch (error.kind) {
    case "unclear":
      context.submits.ended.set(array.id, clock.monotonic());
      return err({ kind: "unknown", why: error.message });
    case "away":
    case "busy":
      book.record({ t: "array-abandoned", array: array.id, why: error.message, at: clock.now() });
      return err({ kind: "not-now", error });
    case "absent":
    case "refused":
      book.record({ t: "array-abandoned", array: array.id, why: error.message, at: clock.now() });
      return err({ kind: "refused", error });
  }
}

/** Tries again only after an answer that proves that nothing was done. A limit is not waited for here: others end first. */
function ifNothingWasDone(settings: SlurmSettings): WaitAfter<SchedulerError> {
  return (error, tries) => (error.kind === "away" && tries < settings.tries ? backoffMs(settings, tries) : undefined);
}

/** For calls that only look. */
export function looking(settings: SlurmSettings): WaitAfter<SchedulerError> {
  return ({ kind }, tries) =>
    tries < settings.tries && kind !== "absent" && kind !== "refused" ? backoffMs(settings, tries) : undefined;
}

/**
 * What became of an array whose sbatch may have been called: it is looked for by its name, and by the claim that its first
 * task leaves. Only when neither is there, and an sbatch can no longer have been acted on, is it proven that it was not.
 * It is then `abandoned`, and its actions are free; `unknown` means: look again later.
 */
export async function reconcile(array: ArrayJob, context: ArrayContext): Promise<Result<ArrayJob, NotSubmitted>> {
  const { book, clock, settings } = context;
  const asked = clock.monotonic();
  const found = await jobNamed(array, context);
  if (!found.ok) return err({ kind: "unknown", why: found.error.message });
  if (found.value !== undefined) return ok(submitted(array, found.value, true, context));
  if (asked < believableFrom(array, context))
    return err({ kind: "unknown", why: "it is not in the queue, and may not be listed yet" });
  const why = `it is not in the queue ${Math.round(settings.queueLagMs / 1000)} s after it can last have been submitted`;
  return ok(book.record({ t: "array-abandoned", array: array.id, why, at: clock.now() }));
}

/** The id of the job by this array's name; undefined when the controller answered, whole, and has none. */
async function jobNamed(
  { id }: ArrayJob,
  { root, run, settings, ...waiting }: ArrayContext,
): Promise<Answered<string | undefined>> {
  const claim = claimOf(root, id);
  if (claim !== undefined) return ok(claim);
  const look = await retrying(() => lookAtQueue([jobName(id)], run), looking(settings), waiting);
  if (!look.ok) return look;
  // Of two, the one that came first has the claim, or will have it.
  const jobs = look.value.tasks.map(({ job }) => Number(job)).sort((a, b) => a - b);
  if (jobs[0] !== undefined) return ok(String(jobs[0]));
  if (look.value.odd.length > 0) return err({ kind: "unclear", message: oddWords(look.value.odd) });
  // Between the two looks it may have begun, ended and been forgotten.
  return ok(claimOf(root, id));
}

/** What is said of lines that nobody understands. */
export function oddWords(odd: readonly string[]): string {
  const more = odd.length > 1 ? `, and ${odd.length - 1} more` : "";
  return `squeue printed a line that makes no sense: ${JSON.stringify(odd[0])}${more}`;
}

/** Munge accepts no message that is older than this: clocks of one cluster are closer. */
const CLOCK_SLACK_MS = 300_000;

function believableFrom(array: ArrayJob, { clock, settings, submits }: ArrayContext): number {
  const ended = submits.ended.get(array.id);
  if (ended !== undefined) return ended + settings.queueLagMs;
  const span = settings.callMs + settings.queueLagMs;
  const left = span + CLOCK_SLACK_MS - (clock.now() - array.intendedAt);
  return Math.min(submits.startedAt + span, clock.monotonic() + Math.max(0, left));
}

function submitted({ id }: ArrayJob, slurm: string, adopted: boolean, { book, clock }: ArrayContext): ArrayJob {
  faultPoint("cluster.submitted.before");
  const array = book.record({ t: "array-submitted", array: id, slurm, adopted, at: clock.now() });
  faultPoint("cluster.submitted.after");
  return array;
}

/** `123`, or `123;cluster`. */
function jobIn(printed: string): string | undefined {
  return /^(\d+)(?:;[\w.-]+)?\s*$/.exec(printed)?.[1];
}

function sbatchArguments(array: ArrayJob, { root, settings }: ArrayContext): readonly string[] {
  const { partition, account, qos, time, cpus, mem, gpus } = resourcesIn(array.resources);
  const said = (word: string, value: string | number | undefined) =>
    value === undefined ? [] : [`--${word}=${value}`];
  return [
    "--parsable",
    `--job-name=${jobName(array.id)}`,
    `--array=0-${array.tasks.length - 1}%${array.throttle}`,
    `--output=${folderOf(root, array.id).replaceAll("%", "%%")}/%a.log`,
    // A task that begins again goes on in its log.
    "--open-mode=append",
    `--chdir=${folderOf(root, array.id)}`,
    "--requeue",
    "--export=ALL",
    "--nodes=1",
    "--ntasks=1",
    ...said("partition", partition),
    ...said("account", account),
    ...said("qos", qos),
    ...said("time", time),
    ...said("cpus-per-task", cpus),
    ...said("mem", mem),
    ...said("gres", gpus === undefined ? undefined : `gpu:${gpus}`),
    ...(array.exclude.length === 0 ? [] : [`--exclude=${array.exclude.join(",")}`]),
    ...settings.sbatch,
    scriptOf(root, array.id),
  ];
}

/** What the journal keeps of what was asked: each word by its name, where it has the type it must have. */
export function resourcesIn(kept: JsonObject): Resources {
  const word = (name: string) => {
    const value = kept[name];
    return typeof value === "string" || typeof value === "number" ? { [name]: String(value) } : {};
  };
  const count = (name: string) => (typeof kept[name] === "number" ? { [name]: kept[name] } : {});
  return {
    ...word("partition"),
    ...word("account"),
    ...word("qos"),
    ...word("time"),
    ...word("mem"),
    ...count("cpus"),
    ...count("gpus"),
  };
}
