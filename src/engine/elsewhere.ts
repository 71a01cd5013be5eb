import type { Problem } from "../graph/problem.ts";
import type { Result } from "../graph/result.ts";
import type { WaitingElsewhere } from "../graph/state.ts";
import type { ElsewhereEffects } from "./effects.ts";
import type { Done, Job, Node } from "./node.ts";

/** What came of a node that was handed over. */
interface Answer {
  readonly node: Node;
  readonly job: Job;
  readonly end: Result<Done, Problem> | { readonly waiting: WaitingElsewhere };
}

/**
 * The nodes of a walk whose actions are made elsewhere. They are handed over together, and again together whenever it is time
 * to look, until each is made: one call at a time, beside all that is done here.
 */
export class Elsewhere {
  readonly #effects: ElsewhereEffects | undefined;
  readonly #open = new Map<Node, Job>();
  readonly #answers: (Answer | { readonly bug: unknown })[] = [];
  #running = false;
  /** Whether it is time to look at all that is open. */
  #due = false;
  /** How many were added since all was handed over. */
  #added = 0;
  /** It was last handed over while more was to come: some of it may be held back. */
  #held = false;
  #wake: (() => void) | undefined;

  constructor(effects: ElsewhereEffects | undefined) {
    this.#effects = effects;
  }

  takes(job: Job): boolean {
    return job.verdict.kind === "build" && job.need === undefined && this.#effects?.takes(job.action) === true;
  }

  add(node: Node, job: Job): void {
    this.#open.set(node, job);
    this.#added++;
  }

  get busy(): boolean {
    return this.#running || this.#answers.length > 0;
  }

  /** Whether anything that is needed is not made yet. */
  waits(): boolean {
    for (const { claims } of this.#open.keys()) if (claims > 0) return true;
    return false;
  }

  /** How long until it is worth a look; never, where nothing is waited for, or a look is under way. */
  nextLookMs(): number {
    return this.#effects !== undefined && !this.#running && this.waits()
      ? this.#effects.nextLookMs()
      : Number.POSITIVE_INFINITY;
  }

  /** It is time to look again at all that is open. */
  look(): void {
    this.#due = true;
  }

  /** Hands over what is to be, unless a call is under way. @param more whether this walk may soon add more */
  start(more: boolean): void {
    if (this.#effects === undefined || this.#running || !this.#isTime(more) || !this.waits()) return;
    const nodes = new Map([...this.#open].filter(([{ claims }]) => claims > 0).sort(([a], [b]) => a.index - b.index));
    [this.#due, this.#held, this.#added, this.#running] = [false, more, 0, true];
    this.#effects.run([...nodes.values()], more).then(
      (ends) => {
        for (const [node, job] of nodes) {
          const end = ends.get(job);
          if (end === undefined) return this.#end([{ bug: new Error(`nothing was said of ${node.target.name}`) }]);
          if (!("waiting" in end)) this.#open.delete(node);
          this.#answers.push({ node, job, end });
        }
        return this.#end([]);
      },
      (bug: unknown) => this.#end([{ bug }]),
    );
  }

  /** A call is about all that is open: while one after the other is added, it is made when they have doubled. */
  #isTime(more: boolean): boolean {
    if (this.#due) return true;
    return more ? this.#added * 2 >= this.#open.size && this.#added > 0 : this.#held || this.#added > 0;
  }

  /** Resolves when a call has ended. */
  async ended(): Promise<void> {
    if (this.#answers.length > 0) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** What was said since it was last taken. Throws what the call threw: a bug. */
  take(): readonly Answer[] {
    return this.#answers.splice(0).map((answer) => {
      if ("bug" in answer) throw answer.bug;
      return answer;
    });
  }

  #end(bugs: readonly { readonly bug: unknown }[]): void {
    for (const bug of bugs) this.#answers.push(bug);
    this.#running = false;
    this.#wake?.();
    this.#wake = undefined;
  }
}
