import { randomBytes } from "node:crypto";
import { answerIn } from "../api/output-line.ts";
import type { RequestId } from "../api/request-file.ts";
import type { Colleagues, OthersAsking } from "../batch/colleagues.ts";
import { isOpen, type Job } from "../batch/job.ts";
import type { JobBook } from "../batch/job-book.ts";
import type { Price } from "../batch/money.ts";
import { faultPoint } from "../engine/fault-points.ts";
import type { Emit } from "../events/schema.ts";
import { fingerprintOfJson } from "../graph/digest.ts";
import { ProblemError } from "../graph/problem.ts";
import type { Result } from "../graph/result.ts";
import { type Claim, FlightLog } from "../remote/flight-log.ts";
import { limited } from "../remote/limited.ts";
import { pushAnswers, SharedBefore } from "../remote/push-answers.ts";
import type { Remote, RemoteFailure } from "../remote/remote.ts";
import type { Writer } from "../remote/writer.ts";
import type { Store } from "../store/store.ts";
import { type RemoteConfig, sharedCaches, writerIn } from "./remote-caches.ts";
import { readAnswers } from "./remote-pull.ts";
import { inPullRequest, systemClock } from "./surroundings.ts";

/*
 * What the clones of one project tell each other in the first cache that may be written. Two journal lines: `claimed` (this
 * cache claims requests under that name, for that job), and `flight-read` (nothing before that line of the log is open).
 */

interface Surroundings {
  readonly config: RemoteConfig;
  readonly projectRoot: string;
  readonly store: Store;
  readonly book: JobBook;
  readonly env: NodeJS.ProcessEnv;
  /** Who answers here. */
  readonly namespace: string;
  /** Shared caches that failed a moment ago, of which a warning was given. */
  readonly failed: ReadonlySet<string>;
  readonly priceOf: (model: string) => Price | undefined;
  /** A person says: buy what others are asking now. */
  readonly buyAgain: boolean;
  readonly emit: Emit;
}

/** After a failure the shared cache is left alone for so long: nobody waits for it twice. */
const REST_MS = 600_000;
/** Sharing answers goes on where it was left after so long. */
const SHARE_AGAIN_MS = 60_000;
/** The log's beginning is remembered anew when so many lines of it are of no use any more. */
const STEP = 16;

/** What a shared cache gives of it: undefined where none is named for paid answers. */
export function colleaguesIn(surroundings: Surroundings): Colleagues | undefined {
  const { config, projectRoot, env } = surroundings;
  if (config.share !== "answers") return undefined;
  const caches = sharedCaches(config, projectRoot, env);
  const home = caches.find(({ writable }) => writable) ?? caches[0];
  if (home === undefined) return undefined;
  return new SharedFlight(home.remote, home.writable ? writerHere(surroundings) : undefined, surroundings);
}

/** Who signs what is told from here; undefined where nobody would believe it, or a build is to write nothing. */
function writerHere({ config, store, env }: Surroundings): Writer | undefined {
  const writer = writerIn(env);
  const may = store.writable && (!inPullRequest(env) || env["DSGEN_REMOTE_WRITE"] === "1");
  return may && writer.ok && config.trust.includes(writer.value.word) ? writer.value : undefined;
}

class SharedFlight implements Colleagues {
  readonly #remote: Remote;
  readonly #writer: Writer | undefined;
  readonly #of: Surroundings;
  readonly #log: FlightLog;
  /** Names of claims that were made by this cache, and their jobs. */
  readonly #own = new Map<string, string | null>();
  /** Claims of others that a person has said to pass over. */
  #passedOver: ReadonlySet<string> | undefined;
  #holders = new Map<string, Claim>();
  /** Claims that are over and whose answers are all here. */
  readonly #taken = new Set<string>();
  #restingUntil = Number.NEGATIVE_INFINITY;
  #warned: boolean;
  #toldAlone = false;
  readonly #sharedBefore = new SharedBefore();
  #sharedAgainAt = Number.NEGATIVE_INFINITY;
  #toldLate = false;
  #from: number;

  constructor(remote: Remote, writer: Writer | undefined, of: Surroundings) {
    this.#remote = remote;
    this.#writer = writer;
    this.#of = of;
    this.#from = 1;
    this.#warned = of.failed.has(remote.label);
    if (this.#warned) this.#restingUntil = systemClock.monotonic() + REST_MS;
    for (const { t, place, next, claim, job } of of.store.journal.records()) {
      if (t === "flight-read" && place === this.#place() && typeof next === "number") this.#from = next;
      if (t === "claimed" && typeof claim === "string") this.#own.set(claim, typeof job === "string" ? job : null);
    }
    const { project, trust } = of.config;
    this.#log = new FlightLog({ remote, project, trust, from: this.#from });
  }

  async refresh(signal: AbortSignal): Promise<boolean> {
    const read = await this.#within(signal, (within) => this.#log.read(within));
    if (read === undefined) return false;
    this.#passedOver ??= new Set(this.#of.buyAgain ? this.#held().map(({ claim }) => claim) : []);
    // First the log, then the answers: whoever says that all are there has shared them before.
    const unseen = this.#held().some(
      ({ answered, namespace }) => answered !== null && namespace === this.#of.namespace,
    );
    if (unseen) await readAnswers(this.#of.config, this.#of, this.#of.emit, signal);
    this.#settle();
    return read || unseen;
  }

  holderOf(id: RequestId): OthersAsking | undefined {
    const holder = this.#holders.get(id);
    return holder === undefined ? undefined : asking(holder);
  }

  async claim(job: Job | null, requests: readonly RequestId[], signal: AbortSignal): Promise<OthersAsking | undefined> {
    const read = await this.#within(signal, (within) => this.#log.read(within));
    const wanted = new Set<string>(requests);
    const refuses = (claim: Claim) =>
      this.#mayHold(claim) && [...claim.requests].some((id) => wanted.has(id) && !this.#isAnswered(claim, id));
    const first = this.#held().find(refuses);
    if (first !== undefined) return this.#heldBy(first);
    const writer = this.#writer;
    if (read === undefined || writer === undefined) {
      if (read !== undefined) this.#tellAlone();
      return undefined;
    }
    const known = job === null ? undefined : [...this.#own].find(([, own]) => own === job.id)?.[0];
    if (known !== undefined && this.#log.claim(known) !== undefined) return undefined;
    await this.#tellUnsafe(signal);
    const { namespace, store } = this.#of;
    const claim = known ?? randomBytes(16).toString("hex");
    const at = systemClock.now();
    // Ours before anybody reads it: after a crash it is not taken for another's.
    if (known === undefined) store.journal.append({ t: "claimed", v: 1, claim, job: job?.id ?? null, at });
    this.#own.set(claim, job?.id ?? null);
    faultPoint("flight.claim.before");
    const entry = { t: "claim", claim, namespace, job: job?.id ?? null, at, requests } as const;
    const refused = await this.#within(signal, (within) => this.#log.append(entry, writer, within, refuses));
    faultPoint("flight.claim.after");
    if (refused !== undefined) return this.#heldBy(refused);
    return undefined;
  }

  async tell(jobOf: (id: string) => Job | undefined, signal: AbortSignal): Promise<void> {
    const writer = this.#writer;
    if (writer === undefined) return;
    let shared = false;
    for (const claim of this.#log.claims()) {
      const own = this.#own.get(claim.claim);
      if (own === undefined || claim.answered !== null) continue;
      const job = own === null ? null : jobOf(own);
      if (job === undefined) continue;
      if (job !== null && isOpen(job)) {
        if (job.batchId === null || job.batchId === claim.batch) continue;
        const { batchId: batch } = job;
        const sent = { t: "sent", claim: claim.claim, batch } as const;
        await this.#within(signal, (within) => this.#log.append(sent, writer, within));
        continue;
      }
      // What may have been paid for and is not here stays claimed: nobody is to buy it unasked.
      if (job !== null && (job.state === "lost" || (job.collected?.lost ?? []).length > 0)) continue;
      shared ||= await this.#share(writer, signal);
      if (!shared) return;
      const over = { t: "over", claim: claim.claim, answered: this.#here(claim) } as const;
      faultPoint("flight.over.before");
      await this.#within(signal, (within) => this.#log.append(over, writer, within));
    }
    this.#settle();
  }

  /**
   * Shares every answer; false where not all of it could be yet. It takes its own time: a cache that is slow with much is still
   * asked who asks what.
   */
  async #share(writer: Writer, signal: AbortSignal): Promise<boolean> {
    if (systemClock.monotonic() < this.#sharedAgainAt) return false;
    const { store, config } = this.#of;
    const to = { remote: this.#remote, project: config.project, writer };
    const pushed = await limited(signal, config.timeout_seconds * 1000, (within) =>
      pushAnswers(store, to, within, undefined, this.#sharedBefore),
    );
    if (pushed.ok) return true;
    this.#sharedAgainAt = systemClock.monotonic() + SHARE_AGAIN_MS;
    if (!this.#toldLate && !signal.aborted) {
      const why = `${pushed.error.failure.message}; those who wait for answers wait on`;
      this.#notice(
        "warning",
        `not all answers are shared in ${this.#remote.label}: ${why}. dsgen push shares the rest`,
      );
    }
    this.#toldLate = true;
    return false;
  }

  /** Claims of others that are not over, or whose answers are not here. */
  #held(): readonly Claim[] {
    return this.#log.claims().filter((claim) => this.#mayHold(claim) && this.#isOut(claim));
  }

  #mayHold({ claim, namespace, batch }: Claim): boolean {
    if (this.#own.has(claim) || this.#passedOver?.has(claim) === true) return false;
    // A batch that is known here tells by itself what is left of it.
    const isKnown = batch !== null && this.#of.book.batchIds().has(batch);
    return !isKnown && serverOf(namespace) === serverOf(this.#of.namespace);
  }

  #isOut(claim: Claim): boolean {
    if (claim.answered === null) return true;
    // Another account's answers are not this one's before a person says so: they are not bought a second time unasked.
    if (claim.namespace !== this.#of.namespace) return claim.answered > 0;
    if (!this.#taken.has(claim.claim) && this.#here(claim) >= claim.answered) this.#taken.add(claim.claim);
    return !this.#taken.has(claim.claim);
  }

  #isAnswered({ namespace }: Claim, id: string): boolean {
    return (
      namespace === this.#of.namespace && this.#of.store.responses(namespace).lookup(id as RequestId)?.kind === "answer"
    );
  }

  /** How many of a claim's requests have a real answer here. */
  #here({ namespace, requests }: Claim): number {
    const responses = this.#of.store.responses(namespace);
    let here = 0;
    for (const id of requests as ReadonlySet<RequestId>) {
      if (responses.lookup(id)?.kind === "answer" && isReal(() => responses.readRaw(id))) here++;
    }
    return here;
  }

  #settle(): void {
    this.#holders = new Map();
    for (const claim of this.#held()) for (const id of claim.requests) this.#holders.set(id, claim);
    const open = this.#log.claims().filter((claim) => claim.answered === null || this.#isOut(claim));
    const from = Math.min(this.#log.next, ...open.map(({ number }) => number));
    if (!this.#of.store.writable || from < this.#from + STEP) return;
    this.#from = from;
    this.#of.store.journal.append({ t: "flight-read", v: 1, place: this.#place(), next: from });
  }

  #heldBy(claim: Claim): OthersAsking {
    this.#settle();
    return asking(claim);
  }

  #place(): string {
    const { project, trust } = this.#of.config;
    return fingerprintOfJson([this.#remote.label, project, ...[...trust].sort()]);
  }

  /** One step at the shared cache, within the config's time; undefined after a failure, of which a warning is given once. */
  async #within<T>(
    signal: AbortSignal,
    work: (within: AbortSignal) => Promise<Result<T, RemoteFailure>>,
  ): Promise<T | undefined> {
    if (systemClock.monotonic() < this.#restingUntil) return undefined;
    const done = await limited(signal, this.#of.config.timeout_seconds * 1000, work);
    if (done.ok) return done.value;
    this.#restingUntil = systemClock.monotonic() + REST_MS;
    if (!this.#warned && !signal.aborted)
      this.#notice(
        "warning",
        `the shared cache ${this.#remote.label}: ${done.error.message}; what others ask is not seen, and they are not told what is sent here`,
      );
    this.#warned = true;
    return undefined;
  }

  #tellAlone(): void {
    if (this.#toldAlone || !this.#of.store.writable) return;
    this.#toldAlone = true;
    const why = "no trusted signing key here that may write to it";
    this.#notice("info", `the others are not told what is sent: ${this.#remote.label} has ${why} (docs/sharing.md)`);
  }

  /** Said once, before anything is sent: that nothing keeps two apart who begin at the same moment. */
  async #tellUnsafe(signal: AbortSignal): Promise<void> {
    if (this.#toldAlone) return;
    this.#toldAlone = true;
    const excludes = await this.#within(signal, (within) => this.#remote.excludes(within));
    if (excludes !== false) return;
    const what = "overwrites what is put twice: two who send at the same moment are not kept apart";
    this.#notice("warning", `the shared cache ${this.#remote.label} ${what}`);
  }

  #notice(level: "info" | "warning", message: string): void {
    this.#of.emit({ type: "notice", level, code: "remote", message });
  }
}

function asking({ claim, by, namespace, job, batch, at: since, answered, requests }: Claim): OthersAsking {
  return { claim, by, namespace, job, batch, since, over: answered !== null, requests: requests.size };
}

/** A namespace without its organisation and project: `openai:api.openai.com`. */
function serverOf(namespace: string): string {
  return namespace.split(":").slice(0, -2).join(":");
}

function isReal(read: () => string | undefined): boolean {
  try {
    const answer = answerIn(read() ?? "");
    return answer !== undefined && !answer.simulated;
  } catch (error) {
    if (error instanceof ProblemError) return false;
    throw error;
  }
}
