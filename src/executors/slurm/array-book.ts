import type { Journal } from "../../engine/ports.ts";
import type { ActionKey } from "../../graph/digest.ts";
import {
  type ArrayId,
  type ArrayJob,
  type ArrayRecord,
  isOpen,
  readArrayRecord,
  type TaskEnded,
  transition,
} from "./array.ts";

/** One try of an action in vain. */
export interface Try extends TaskEnded {
  readonly array: ArrayJob;
}

/** So many tasks that ended at once, with nothing to show, and a node is left alone. */
const FAST_FAILURES = 3;

/**
 * The arrays of a project: a fold over the journal. Recording writes the journal first, then memory, so that memory never
 * knows a step that a crash could forget.
 */
export class ArrayBook {
  readonly #journal: Journal;
  readonly #arrays = new Map<ArrayId, ArrayJob>();
  /** Where each action was last put: what is open for it, and what it came to before. */
  readonly #placed = new Map<ActionKey, { readonly array: ArrayId; readonly task: number }[]>();
  /** Begun before an earlier process last told of a failure: whoever builds again may have mended what they ran into. */
  readonly #stale = new Set<ArrayId>();
  readonly warnings: string[] = [];

  constructor(journal: Journal) {
    this.#journal = journal;
    let told = 0;
    for (const line of journal.records()) {
      const read = readArrayRecord(line);
      if (read.kind === "malformed") this.#skip(`array ${JSON.stringify(line["array"])}: ${read.why}`);
      if (read.kind !== "record") continue;
      const next = transition(this.#arrays.get(read.record.array), read.record);
      if (next.ok) this.#set(next.value, read.record);
      else this.#skip(next.error);
      if (read.record.t === "array-told") told = this.#arrays.size;
    }
    for (const id of [...this.#arrays.keys()].slice(0, told)) this.#stale.add(id);
  }

  record(record: ArrayRecord): ArrayJob {
    const next = transition(this.#arrays.get(record.array), record);
    if (!next.ok) throw new Error(next.error);
    this.#journal.append(record);
    this.#set(next.value, record);
    return next.value;
  }

  all(): readonly ArrayJob[] {
    return [...this.#arrays.values()];
  }

  open(): readonly ArrayJob[] {
    return this.all().filter(isOpen);
  }

  get(id: ArrayId): ArrayJob | undefined {
    return this.#arrays.get(id);
  }

  /** The open array, and the task of it, in which an action is. */
  underWay(key: ActionKey): { readonly array: ArrayJob; readonly task: number } | undefined {
    for (const { array: id, task } of (this.#placed.get(key) ?? []).toReversed()) {
      const array = this.#arrays.get(id);
      if (array !== undefined && isOpen(array) && !array.ended.has(task)) return { array, task };
    }
    return undefined;
  }

  /** Every array that an action was ever in, and that may have run; the latest first. */
  attemptsOf(key: ActionKey): readonly ArrayJob[] {
    const arrays = (this.#placed.get(key) ?? []).flatMap(({ array }) => this.#arrays.get(array) ?? []);
    return arrays.filter(({ slurm }) => slurm !== null).reverse();
  }

  /**
   * What an action came to, time and again, since a failure of it was last told; the latest last. A build that told of another's
   * failure may have ended while this one's last try was under way: that try counts no more, for what it ran into may be mended.
   */
  triesOf(key: ActionKey): readonly Try[] {
    const tries: Try[] = [];
    for (const { array: id, task } of this.#placed.get(key) ?? []) {
      const array = this.#arrays.get(id);
      const ended = array?.ended.get(task);
      if (array === undefined || ended === undefined) continue;
      if (array.told.has(task) || this.#stale.has(id)) tries.length = 0;
      else tries.push({ array, ...ended });
    }
    return tries;
  }

  /**
   * Nodes on which tasks do nothing but fail at once. Where several do and none is known on which tasks do well, it is not
   * the nodes.
   * @param since of arrays that are younger: nodes are mended
   * @param good nodes on which tasks have come to a good end since this process began
   */
  badNodes(since: number, good: ReadonlySet<string>): readonly string[] {
    const fast = new Map<string, number>();
    const better = new Set(good);
    for (const array of this.#arrays.values()) {
      if (array.intendedAt < since) continue;
      for (const node of array.good) better.add(node);
      for (const { fast: atOnce, node } of array.ended.values())
        if (atOnce && node !== null) fast.set(node, (fast.get(node) ?? 0) + 1);
    }
    const suspects = [...fast]
      .filter(([node, count]) => count >= FAST_FAILURES && !better.has(node))
      .map(([node]) => node);
    return suspects.length > 1 && better.size === 0 ? [] : suspects.sort();
  }

  #set(array: ArrayJob, record: ArrayRecord): void {
    this.#arrays.set(array.id, array);
    if (record.t !== "array-intended") return;
    for (const [task, keys] of array.tasks.entries())
      for (const key of keys) this.#placed.set(key, [...(this.#placed.get(key) ?? []), { array: array.id, task }]);
  }

  #skip(why: string): void {
    this.warnings.push(`journal: ${why}; the record is skipped`);
  }
}
