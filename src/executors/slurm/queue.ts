import { ok } from "../../graph/result.ts";
import type { Answered, RunSlurm } from "./commands.ts";
import { phaseOf, type TaskPhase } from "./task-state.ts";

/*
 * What squeue says. Its `--json` needs a plugin that not every cluster has, and its shape changed with nearly every version
 * from 20.11 on (a job's state, once a word, is a list since 23.02); the letters of `--format` have meant the same since
 * before 2.6, and cost a tenth. The job's name goes last: it is the only part in which a stranger could have put a `|`.
 */
const FORMAT = "%F|%K|%T|%M|%N|%r|%j";

/** One task of one of our arrays, as the controller has it. */
export interface QueuedTask {
  readonly name: string;
  /** The array's own job id. */
  readonly job: string;
  readonly task: number;
  readonly phase: TaskPhase;
  /** How long it has run. */
  readonly ranMs: number | undefined;
  readonly node: string | undefined;
  /** Why it waits, or ended. */
  readonly reason: string;
}

export interface QueueLook {
  readonly tasks: readonly QueuedTask[];
  /** Lines that make no sense: what they said is not known, so that nothing is missing because it was not listed. */
  readonly odd: readonly string[];
}

/** Looks for all tasks of the arrays of these names, finished ones included for as long as Slurm remembers them. */
export async function lookAtQueue(names: readonly string[], run: RunSlurm): Promise<Answered<QueueLook>> {
  if (names.length === 0) return ok({ tasks: [], odd: [] });
  const user = process.getuid?.();
  const answer = await run("squeue", [
    "--noheader",
    "--array",
    "--states=all",
    ...(user === undefined ? [] : [`--user=${user}`]),
    `--name=${names.join(",")}`,
    `--format=${FORMAT}`,
  ]);
  return answer.ok ? ok(readQueue(answer.value, new Set(names))) : answer;
}

/** Reads what squeue printed; lines of other jobs are left out. */
export function readQueue(text: string, names: ReadonlySet<string>): QueueLook {
  const tasks: QueuedTask[] = [];
  const odd: string[] = [];
  const lines = text.split("\n");
  // Each line ends with one: what comes after the last was cut off.
  const torn = lines.pop() ?? "";
  for (const line of lines) {
    const read = line.trim() === "" ? [] : readLine(line, names);
    if (read === undefined) odd.push(line.slice(0, LONGEST));
    else for (const task of read) tasks.push(task);
  }
  if (torn.trim() !== "") odd.push(torn.slice(0, LONGEST));
  return { tasks, odd };
}

/** What of an odd line is kept, for people. */
const LONGEST = 200;

/** The tasks of a line, none of another's job; undefined for one that makes no sense. */
function readLine(line: string, names: ReadonlySet<string>): readonly QueuedTask[] | undefined {
  const [job, indices, word, ran, node, reason, ...rest] = line.split("|");
  if (job === undefined || indices === undefined || word === undefined || reason === undefined || rest.length === 0)
    return undefined;
  const name = rest.join("|").trim();
  if (!names.has(name)) return isCut(name, names) ? undefined : [];
  const members = indicesIn(indices.trim());
  if (!/^\d+$/.test(job.trim()) || members === undefined) return undefined;
  const common = {
    name,
    job: job.trim(),
    phase: phaseOf(word.trim(), reason),
    ranMs: durationOf((ran ?? "").trim()),
    node: node?.trim() || undefined,
    reason: reason.trim(),
  };
  return members.map((task) => ({ ...common, task }));
}

/** Whether it may be what is left of one of the names. */
function isCut(name: string, names: ReadonlySet<string>): boolean {
  for (const whole of names) if (whole.startsWith(name)) return true;
  return false;
}

/** More than any cluster allows in an array. */
const MOST_INDICES = 4_000_001;

/** The indices of `7`, `0-3,9`, `0-9:3` or `4-5%2`; undefined when it is none of these. */
export function indicesIn(expression: string): readonly number[] | undefined {
  const [list = ""] = expression.split("%");
  const indices: number[] = [];
  for (const part of list.split(",")) {
    const found = /^(\d{1,7})(?:-(\d{1,7})(?::(\d{1,7}))?)?$/.exec(part);
    if (found === null) return undefined;
    const [from, to, step] = [Number(found[1]), Number(found[2] ?? found[1]), Number(found[3] ?? 1)];
    if (to < from || step === 0 || to >= MOST_INDICES) return undefined;
    for (let index = from; index <= to; index += step) indices.push(index);
  }
  return indices;
}

/** Milliseconds of `D-HH:MM:SS`, `HH:MM:SS`, `MM:SS`. */
export function durationOf(text: string): number | undefined {
  const found = /^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)$/.exec(text);
  if (found === null) return undefined;
  const [days, hours, minutes, seconds] = found.slice(1).map((part) => Number(part ?? 0));
  return ((((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60 + (seconds ?? 0)) * 1000;
}
