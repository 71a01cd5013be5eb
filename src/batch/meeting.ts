import type { RequestLine } from "../api/request-file.ts";
import type { GateNeed } from "../engine/gate.ts";
import type { Problem } from "../graph/problem.ts";
import { askedByAnother, type OthersAsking } from "./colleagues.ts";
import type { JobId } from "./job.ts";
import { type JobContext, notice } from "./job-context.ts";
import { dollars } from "./money.ts";

interface Doing {
  /** What buying again would cost that a claim holds of a request file, in US dollars; null is unknown. */
  costOf(need: GateNeed, claim: string): number | null;
  /** Makes a batch of theirs one of ours. False where this account cannot see it. */
  takeOver(other: OthersAsking, signal: AbortSignal): Promise<boolean>;
}

/** What comes of it that others ask the same: who is told what, and whose batch is taken over. */
export class Meeting {
  readonly #context: Omit<JobContext, "signal">;
  readonly #doing: Doing;
  /** Who else asks requests of the files that were looked at. */
  readonly #met = new Map<string, OthersAsking>();
  readonly #tried = new Set<string>();
  readonly #told = new Set<string>();

  constructor(context: Omit<JobContext, "signal">, doing: Doing) {
    this.#context = context;
    this.#doing = doing;
  }

  /** Reads what others say they ask, and takes over what this account can see of it. True when anything was new. */
  async hear(signal: AbortSignal): Promise<boolean> {
    const { colleagues, provider } = this.#context;
    let changed = (await colleagues?.refresh(signal)) ?? false;
    for (const other of this.#met.values()) {
      if (other.batch === null || other.namespace !== provider.namespace.id || this.#tried.has(other.claim)) continue;
      this.#tried.add(other.claim);
      if (await this.#doing.takeOver(other, signal)) changed = true;
    }
    this.#met.clear();
    return changed;
  }

  /** Tells them how what was claimed here stands. */
  async tell(signal: AbortSignal): Promise<void> {
    const { book, colleagues } = this.#context;
    await colleagues?.tell((id) => book.job(id as JobId), signal);
  }

  /** Claims what is about to be asked call by call. False where somebody else was first. */
  async isFirst(lines: readonly RequestLine[], signal: AbortSignal): Promise<boolean> {
    const requests = lines.map(({ id }) => id);
    return (await this.#context.colleagues?.claim(null, requests, signal)) === undefined;
  }

  /** Notes, and tells once, who asks requests of a file. A problem where it is another account: a person decides. */
  noteOf(need: GateNeed, others: Iterable<OthersAsking>): Problem | undefined {
    let refusal: Problem | undefined;
    for (const other of others) {
      this.#met.set(other.claim, other);
      if (other.namespace !== this.#context.provider.namespace.id) refusal ??= this.#refusal(need, other);
      else this.#tellOnce(need, other);
    }
    return refusal;
  }

  #refusal(need: GateNeed, other: OthersAsking): Problem {
    const take = `${other.over ? "Take" : "When they are shared, take"} them over`;
    const fix = `${take} with dsgen import --from-namespace ${other.namespace}; ${this.#again(need, other)}. Nothing of it was sent.`;
    return askedByAnother(need.requestFile, other, fix);
  }

  #tellOnce(need: GateNeed, other: OthersAsking): void {
    const about = `${other.claim} ${need.requestFile}`;
    if (this.#told.has(about)) return;
    this.#told.add(about);
    const { message } = askedByAnother(need.requestFile, other, "");
    const wait = `This build waits for their answers; ${this.#again(need, other)}.`;
    notice(this.#context, "info", "claimed", `${need.requestFile}: ${message} ${wait}`);
  }

  #again(need: GateNeed, { claim }: OthersAsking): string {
    const cost = this.#doing.costOf(need, claim);
    return `to buy them again would cost ${cost === null ? "an unknown amount" : `about ${dollars(cost)}`} (--buy-again)`;
  }
}
