import type { ActionKey, Fingerprint } from "../../graph/digest.ts";
import type { JsonObject } from "../../graph/json.ts";
import { firstWrong, list, type Member, number, object, oneOf, orNull, type Shape, text } from "../../graph/members.ts";
import { ProblemError } from "../../graph/problem.ts";
import { err, ok, type Result, unreachable } from "../../graph/result.ts";
import { TASK_ENDS } from "./task-state.ts";

/** Names an array on both sides: in the journal, in its folder's name, in its job's name. */
export type ArrayId = Fingerprint & { readonly __array: "ArrayId" };

export function jobName(id: ArrayId): string {
  return `dsgen-${id}`;
}

/**
 * A job array's states: a fold over the journal.
 *
 *   (none) → intended → submitted → settled
 *              └──────→ abandoned
 *
 * `intended`: an sbatch may have been called. `submitted`: Slurm has it, under a job id. `settled`: every task is over, and
 * what became of each is known. `abandoned`: it is proven that Slurm never took it.
 */
export type ArrayState = "intended" | "submitted" | "settled" | "abandoned";

const truth = ((value) => typeof value === "boolean") as Member<boolean>;

/** A task that is over and left work undone. */
const ENDED = {
  task: number,
  end: oneOf(TASK_ENDS),
  node: orNull(text),
  /** It ended so soon that the node, not the work, is to be suspected. */
  fast: truth,
  /** How many of its actions were made. */
  done: number,
};
export type TaskEnded = Shape<typeof ENDED>;

/** What each journal line of an array holds, beside its `t`, the array's id and the time. */
const RECORDS = {
  "array-intended": {
    /** The action keys of each task. */
    tasks: list(list(text as Member<ActionKey>)),
    resources: object,
    exclude: list(text),
    /** How many of its tasks run at once. */
    throttle: number,
  },
  "array-submitted": { slurm: text, adopted: truth },
  /** First seen over, with work undone: a result that was written elsewhere may not be seen here yet. */
  "array-over": { task: number },
  "array-ended": ENDED,
  /** What became of a task was told as a failure: whoever asks again, asks anew. */
  "array-told": { task: number },
  /** With the nodes on which its tasks did well. */
  "array-settled": { good: list(text) },
  /** Called off by a person, by way of dsgen. */
  "array-cancelled": {},
  "array-abandoned": { why: text },
};

type RecordKind = keyof typeof RECORDS;
type RecordOf<T extends RecordKind> = Shape<(typeof RECORDS)[T]> & {
  readonly t: T;
  readonly array: ArrayId;
  readonly at: number;
};
/** A journal line of an array. */
export type ArrayRecord =
  | { [T in RecordKind]: RecordOf<T> }[Exclude<RecordKind, "array-intended">]
  | (RecordOf<"array-intended"> & { readonly v: 1 });

export type ArrayJob = Shape<(typeof RECORDS)["array-intended"]> & {
  readonly id: ArrayId;
  readonly state: ArrayState;
  /** Slurm's id of the array. */
  readonly slurm: string | null;
  /** When a task was first seen to be over, by the coordinator's clock. */
  readonly over: ReadonlyMap<number, number>;
  readonly ended: ReadonlyMap<number, TaskEnded>;
  readonly told: ReadonlySet<number>;
  readonly good: readonly string[];
  readonly intendedAt: number;
};

const FOLLOWS: Readonly<Record<ArrayState | "none", readonly RecordKind[]>> = {
  none: ["array-intended"],
  intended: ["array-submitted", "array-abandoned"],
  submitted: ["array-over", "array-ended", "array-told", "array-settled", "array-cancelled"],
  settled: ["array-told"],
  // It was taken later than the bound allowed for.
  abandoned: ["array-submitted"],
};

const UNBEGUN: Pick<ArrayJob, "slurm" | "over" | "ended" | "told" | "good"> = {
  slurm: null,
  over: new Map(),
  ended: new Map(),
  told: new Set(),
  good: [],
};

/** Applies one record. An error says why it does not follow; the array is then left as it was. */
export function transition(array: ArrayJob | undefined, record: ArrayRecord): Result<ArrayJob, string> {
  const state = array?.state ?? "none";
  if (!FOLLOWS[state].includes(record.t)) return err(`array ${record.array}: "${record.t}" does not follow "${state}"`);
  if (record.t === "array-intended") {
    const { t: _t, v: _v, array: id, at, ...intended } = record;
    return ok({ id, state: "intended", ...intended, ...UNBEGUN, intendedAt: at });
  }
  if (array === undefined) return err(`array ${record.array}: "${record.t}" before its intent`);
  return ok({ ...array, ...changeOf(array, record) });
}

function changeOf(array: ArrayJob, record: Exclude<ArrayRecord, { t: "array-intended" }>): Partial<ArrayJob> {
  switch (record.t) {
    case "array-submitted":
      return { state: "submitted", slurm: record.slurm };
    case "array-over":
      return { over: new Map([...array.over, [record.task, record.at]]) };
    case "array-ended": {
      const { task, end, node, fast, done } = record;
      return { ended: new Map([...array.ended, [task, { task, end, node, fast, done }]]) };
    }
    case "array-told":
      return { told: new Set([...array.told, record.task]) };
    case "array-settled":
      return { state: "settled", good: record.good };
    case "array-cancelled":
      return { state: "settled" };
    case "array-abandoned":
      return { state: "abandoned" };
    default:
      return unreachable(record);
  }
}

/** True while Slurm may have it, or may yet. */
export function isOpen({ state }: ArrayJob): boolean {
  return state === "intended" || state === "submitted";
}

/** What a journal line is to the book of arrays. */
export type ReadRecord =
  | { readonly kind: "record"; readonly record: ArrayRecord }
  | { readonly kind: "other" }
  | { readonly kind: "malformed"; readonly why: string };

/** Reads one journal line. Throws a ProblemError (`version`) for an intent of a later format: what cannot be read might be under way. */
export function readArrayRecord(line: JsonObject): ReadRecord {
  const kind = line["t"];
  if (typeof kind !== "string" || !Object.hasOwn(RECORDS, kind)) return { kind: "other" };
  if (kind === "array-intended" && line["v"] !== 1) {
    throw new ProblemError({
      kind: "version",
      where: "the journal of job arrays",
      message: `this dsgen reads version 1 of an array's record; the journal holds version ${JSON.stringify(line["v"] ?? null)}.`,
      fix: "Use the dsgen that wrote it, or a newer one. Nothing was submitted or changed.",
    });
  }
  const wrong = firstWrong(line, { array: text, at: number, ...RECORDS[kind as RecordKind] });
  if (wrong !== undefined) return { kind: "malformed", why: `its "${kind}" has no sound ${wrong}` };
  return { kind: "record", record: line as JsonObject & ArrayRecord };
}
