import { readFileSync } from "node:fs";
import { parseRequestFile, type RequestId, type RequestLine } from "../api/request-file.ts";
import type { ResponseEntry, Responses } from "../api/responses.ts";
import type { GateNeed } from "../engine/gate.ts";
import { type Digest, digestOf } from "../graph/digest.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import type { WaitingOn } from "../graph/state.ts";
import { missingEntries } from "./answer-index.ts";
import { type OthersAsking, waitingOnOther } from "./colleagues.ts";
import type { Job } from "./job.ts";
import type { JobContext } from "./job-context.ts";
import type { JobRunner, Obstacle } from "./runner.ts";
import { type WhyUnanswered, whyUnanswered } from "./unanswered.ts";

/** Requests by what can be done about them. */
interface Split {
  readonly answered: number;
  readonly ask: readonly RequestLine[];
  readonly waitingOn: readonly WaitingOn[];
  /** Whoever else asks some of these, by claim. */
  readonly others: ReadonlyMap<string, OthersAsking>;
  /** Given up on: every allowed attempt failed, or the paid answer is lost. */
  readonly given: readonly RequestId[];
  /** Refused, and not to be asked again in this invocation. */
  readonly refused: readonly ResponseEntry[];
  /** Why some of them cannot be answered in this invocation. */
  readonly obstacle: Obstacle | undefined;
}

/** What is kept of a request file; its lines are read again where something is to be asked. */
export interface RequestFile {
  readonly model: string;
  readonly size: number;
  ids(): Iterable<RequestId>;
}

export interface AskingRules {
  /** Whether this process holds the cache's lock. */
  readonly writable: boolean;
  readonly maxAttempts: number;
  /** Sends requests again whose paid answers can no longer be fetched. Only when a person says so. */
  readonly resendLost: boolean;
  /** Asks again, once in this invocation, for what the provider has refused. */
  readonly retryRefused: boolean;
}

/** The requests of the request files, each where it stands: answered, under way, to be asked, given up. */
export class Requests {
  /** What this invocation has asked: a refusal of that is not asked again. */
  readonly asked = new Set<RequestId>();
  readonly #rules: AskingRules;
  readonly #context: Omit<JobContext, "signal">;
  readonly #runner: JobRunner;
  readonly #files = new Map<Digest, RequestFile>();
  #indexChecked = false;

  constructor(rules: AskingRules, context: Omit<JobContext, "signal">, runner: JobRunner) {
    this.#rules = rules;
    this.#context = context;
    this.#runner = runner;
  }

  file(need: GateNeed): RequestFile {
    const known = this.#files.get(need.requestsDigest);
    if (known !== undefined) return known;
    const file = withoutLines(readLines(need));
    this.#files.set(need.requestsDigest, file);
    return file;
  }

  split(need: GateNeed): Split {
    const { maxAttempts, retryRefused } = this.#rules;
    const { book, colleagues, responses } = this.#context;
    const file = this.file(need);
    this.#checkIndex(file);
    const inFlight = this.#runner.inFlight();
    const lost = this.#lost();
    const open = new Set<RequestId>();
    const given: RequestId[] = [];
    const refused: ResponseEntry[] = [];
    let answered = 0;
    const waitingOn = new Map<string, WaitingOn>();
    const others = new Map<string, OthersAsking>();
    let obstacle: Obstacle | undefined;
    for (const id of file.ids()) {
      const entry = responses.lookup(id);
      if (entry?.kind === "answer") {
        answered++;
        continue;
      }
      obstacle ??= this.#runner.obstacles.get(id);
      const under = inFlight.get(id);
      if (under !== undefined) waitingOn.set(under.jobId, under);
      else if (entry !== undefined && retryRefused && !this.asked.has(id)) open.add(id);
      else if (entry !== undefined) refused.push(entry);
      else if ((book.failuresOf(id)?.attempts ?? 0) >= maxAttempts || lost.has(id)) given.push(id);
      else {
        const other = colleagues?.holderOf(id);
        if (other === undefined) open.add(id);
        else others.set(other.claim, other);
      }
    }
    for (const other of others.values()) waitingOn.set(other.claim, waitingOnOther(need.requestFile, other));
    const ask = open.size === 0 ? [] : readLines(need).filter(({ id }) => open.has(id));
    return { answered, ask, waitingOn: [...waitingOn.values()], others, given, refused, obstacle };
  }

  /** The requests of a file that one claim holds. */
  heldBy(need: GateNeed, claim: string): readonly RequestLine[] {
    const { colleagues } = this.#context;
    return readLines(need).filter(({ id }) => colleagues?.holderOf(id)?.claim === claim);
  }

  why(): (id: RequestId) => WhyUnanswered {
    return whyUnanswered(this.#context, this.#rules.maxAttempts, this.#lost());
  }

  /** Every job of this provider, in the order they were intended. */
  jobs(): readonly Job[] {
    const { book, provider } = this.#context;
    return book.all().filter((job) => job.namespace === provider.namespace.id);
  }

  /** Before anything counts as unanswered: what the index has lost is found again where the journal says it lies. */
  #checkIndex(file: RequestFile): void {
    const { responses, emit, provider } = this.#context;
    if (this.#indexChecked || isAnswered(file, responses)) return;
    this.#indexChecked = true;
    const missing = missingEntries({ ...this.#context, namespace: provider.namespace.id });
    if (missing.length === 0) return;
    if (this.#rules.writable) responses.add(missing);
    else responses.remember(missing);
    const message = `the index of answers had lost ${missing.length}; they were found again in the stored files`;
    emit({ type: "notice", level: "warning", code: "index-mended", message });
  }

  #lost(): ReadonlySet<RequestId> {
    if (this.#rules.resendLost) return new Set();
    const lost = new Set<RequestId>();
    for (const job of this.jobs()) {
      if (job.state === "lost") for (const line of this.#runner.linesOf(job)) lost.add(line.id);
      for (const id of job.collected?.lost ?? []) lost.add(id as RequestId);
    }
    return lost;
  }
}

/** Whether each request has an answer, or the refusal that stands in its place. */
export function isAnswered(file: RequestFile, responses: Pick<Responses, "lookup">): boolean {
  for (const id of file.ids()) if (responses.lookup(id) === undefined) return false;
  return true;
}

function changedMeanwhile({ requestFile }: GateNeed): Problem {
  return {
    kind: "io",
    where: requestFile,
    message: "it changed while its requests were looked up.",
    fix: "Run again; nothing of it was sent.",
  };
}

/** Read again hours later, a file that was edited has other bodies under the same ids: those would be paid for as these. */
function readLines(need: GateNeed): readonly RequestLine[] {
  const bytes = readFileSync(need.requestsPath);
  if (digestOf(bytes) !== need.requestsDigest) throw new ProblemError(changedMeanwhile(need));
  const parsed = parseRequestFile(need.requestFile, bytes.toString("utf8"));
  if (!parsed.ok) throw new ProblemError(parsed.error);
  return parsed.value;
}

const ID_BYTES = 16;

/** 16 bytes a request, where its line takes some kilobytes: a build looks at files of a million requests. */
function withoutLines(lines: readonly RequestLine[]): RequestFile {
  const packed = Buffer.from(lines.map(({ id }) => id).join(""), "hex");
  return {
    model: lines[0]?.model ?? "",
    size: lines.length,
    *ids() {
      for (let at = 0; at < packed.length; at += ID_BYTES) yield packed.toString("hex", at, at + ID_BYTES) as RequestId;
    },
  };
}
