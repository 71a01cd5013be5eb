import { readOutputLine } from "../api/output-line.ts";
import type { RequestId } from "../api/request-file.ts";
import type { ResponseEntry, Responses } from "../api/responses.ts";
import type { Problem } from "../graph/problem.ts";
import type { Job } from "./job.ts";
import type { JobBook } from "./job-book.ts";

/** Why a request has no answer, in the provider's words where it said something. */
export interface WhyUnanswered {
  /** `refused`: the provider said no. `pending`: still under way. `lost`: paid for, and no longer to be had. */
  readonly kind: "refused" | "pending" | "lost" | "given-up";
  readonly message: string;
}

/** Tells of requests that have no answer why that is so. `lost` are those whose paid answers are gone. */
export function whyUnanswered(
  { book, responses }: { readonly book: Pick<JobBook, "failuresOf">; readonly responses: Responses },
  maxAttempts: number,
  lost: ReadonlySet<RequestId>,
): (id: RequestId) => WhyUnanswered {
  return (id) => {
    const raw = responses.readRaw(id);
    if (raw !== undefined) return { kind: "refused", message: wordsOf(raw) };
    if (lost.has(id)) {
      const message = "it was answered and paid for, and the answer no longer exists at the provider";
      return { kind: "lost", message };
    }
    const failure = book.failuresOf(id);
    if (failure === undefined || failure.attempts < maxAttempts) {
      return { kind: "pending", message: "still under way" };
    }
    return { kind: "given-up", message: `no answer in ${failure.attempts} attempts: ${failure.why}` };
  };
}

/** What the provider said to each request of a job of which none was answered; nothing of other jobs. */
export function* saidOf(job: Job, responses: Responses): Iterable<string> {
  if (job.collected === null || job.collected.answered > 0) return;
  for (const [why, ids] of Object.entries(job.collected.unanswered)) for (const _ of ids) yield why;
  if (job.collected.refused === 0) return;
  for (const entry of responses.entries()) {
    if (entry.jobId !== job.id || entry.kind === "answer") continue;
    yield wordsOf(responses.readRaw(entry.requestId) ?? "");
  }
}

/** The provider's words in a stored line that is no answer. */
export function wordsOf(raw: string): string {
  const read = readOutputLine(raw, (custom) => custom);
  return "why" in read ? read.why : "no reason given";
}

/**
 * The commonest of some messages, and how often it comes; of equally common ones the first. Messages that differ in an id
 * only (servers put the request's into them) are one.
 */
export function commonest(messages: Iterable<string>): { readonly text: string; readonly times: number } | undefined {
  const groups = new Map<string, { readonly text: string; times: number }>();
  let best: { readonly text: string; readonly times: number } | undefined;
  for (const text of messages) {
    const key = text.replace(LONG_ID, "");
    const group = groups.get(key) ?? { text, times: 0 };
    group.times++;
    groups.set(key, group);
    if (group.times > (best?.times ?? 0)) best = group;
  }
  return best;
}

/** A word of many characters with a digit in it. */
const LONG_ID = /\b(?=[\w-]*\d)[\w-]{12,}/g;

/** `answered 0 of 50: 400 Your credit balance is too low (48 times)`. */
export function answeredNone(requests: number, messages: Iterable<string>): string {
  const said = commonest(messages);
  const times = said === undefined || said.times === 1 ? "" : ` (${said.times} times)`;
  return `answered 0 of ${requests}${said === undefined ? "" : `: ${said.text}${times}`}`;
}

/** A request file of which nothing was answered, with the commonest reason and what to do about that. */
export function nothingAnswered(where: string, whys: readonly WhyUnanswered[]): Problem {
  const messages = whys.map(({ message }) => message);
  const said = commonest(messages);
  const commonKind = whys.find(({ message }) => message === said?.text)?.kind ?? "given-up";
  return { kind: "provider", where, message: `${answeredNone(whys.length, messages)}.`, fix: FIX[commonKind] };
}

const FIX: Readonly<Record<WhyUnanswered["kind"], string>> = {
  refused:
    "Put right what the provider says. dsgen build --retry-refused asks again, dsgen build --partial makes do with the other answers.",
  pending: "Run dsgen build again later.",
  lost: "dsgen recover looks for the answers once more; --set dsgen.batch.resend_lost=true pays for them anew.",
  "given-up":
    "Put right what the provider says and raise batch.max_attempts to ask again. dsgen build --partial makes do with the other answers.",
};

/**
 * What to say of requests that were refused for a reason that time or a person can lift, and that the rest was made without:
 * the provider's commonest words with their count. Only a build that is told to asks them again.
 */
export function refusedProblem(where: string, refused: readonly ResponseEntry[], responses: Responses): Problem {
  const said = commonest(refused.map(({ requestId }) => wordsOf(responses.readRaw(requestId) ?? "")));
  const requests = refused.length === 1 ? "1 request was" : `${refused.length} requests were`;
  return {
    kind: "provider",
    where,
    message: `${requests} refused: ${said?.text ?? ""} (${said?.times ?? 0} times).`,
    fix: "Put right what the provider says, then run dsgen build --retry-refused.",
  };
}
