import { readOutputLine } from "../api/output-line.ts";
import { readJson } from "../api/read-json.ts";
import type { RequestLine } from "../api/request-file.ts";
import type { ResponseEntry } from "../api/responses.ts";
import type { Usage } from "../api/usage.ts";
import { faultPoint } from "../engine/fault-points.ts";
import type { Clock } from "../engine/ports.ts";
import type { Digest } from "../graph/digest.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok } from "../graph/result.ts";
import { keyMasked } from "./download.ts";
import { type JobContext, notice } from "./job-context.ts";
import { chargeOf, type Tally, tallyOf } from "./money.ts";
import type { Call, DirectAnswer, ProviderError } from "./provider.ts";
import { providerProblem } from "./provider-problem.ts";
import { LONGEST_ASKED_MS, provesNothingDone, retry } from "./retry.ts";

export interface DirectOptions {
  readonly concurrency: number;
  /** Calls of one request that the provider answers with an error in a 200. */
  readonly maxAttempts: number;
  /** Told what each call came to, once its answer is stored and can be looked up, or it was charged for without one. */
  bought(line: RequestLine, blob: Digest, tally: Tally): void;
}

/** A request that got no answer, and why. */
interface Unasked {
  readonly line: RequestLine;
  readonly problem: Problem;
}

/**
 * Asks requests one by one, a few at a time, and stores each answer as it comes, in the form of a batch's output line: to
 * whoever looks it up later there is no difference. What is cut off in the middle may have been executed, and a real-time
 * call cannot be looked up afterwards, so it is not repeated by itself; the next invocation asks again.
 */
export async function askDirect(
  lines: readonly RequestLine[],
  options: DirectOptions,
  context: JobContext,
): Promise<readonly Unasked[]> {
  const queue = [...lines];
  const unasked: Unasked[] = [];
  const gate = new RateGate(context);
  const give = (line: RequestLine, error: ProviderError) =>
    unasked.push({ line, problem: providerProblem(error, line.customId, "answer a request") });
  const work = async () => {
    for (let line = queue.shift(); line !== undefined && !context.signal.aborted; line = queue.shift()) {
      const call = await askOne(line, gate, options, context);
      if (call.ok) continue;
      if (call.error.kind === "aborted") return;
      give(line, call.error);
      if (call.error.kind === "auth" || call.error.kind === "unreachable")
        for (const rest of queue.splice(0)) give(rest, call.error);
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.concurrency, lines.length) }, work));
  return unasked;
}

async function askOne(
  line: RequestLine,
  gate: RateGate,
  options: DirectOptions,
  context: JobContext,
): Promise<Call<void>> {
  let mostTries = 1;
  const attempt = async (): Promise<Call<void>> => {
    await gate.pass();
    const call = await context.provider.answer({ url: line.url, body: line.body }, context.signal);
    if (call.ok) gate.learn(call.value);
    const error = call.ok ? await take(line, call.value, options, context) : call.error;
    if (error === undefined) return ok(undefined);
    // Only what proves that nothing was done is worth another try: see ProviderError.
    const known = "answered" in error ? options.maxAttempts : 1;
    mostTries = provesNothingDone(error) ? context.timing.tries : known;
    return err(error);
  };
  return retry(attempt, (_, tries) => tries < mostTries, { ...context, clock: gate });
}

/** What is left of a call: an error that the provider answered with is its own word that there is no answer. */
type Unanswered = ProviderError | (Extract<ProviderError, { kind: "ambiguous" }> & { readonly answered: true });

/** Stores an answer, or a refusal in the provider's words. What is left is to be asked again, by this build or the next. */
async function take(
  line: RequestLine,
  answer: DirectAnswer,
  { bought }: DirectOptions,
  context: JobContext,
): Promise<Unanswered | undefined> {
  const raw = outputLine(line, answer);
  if (answer.masked > 0)
    notice(context, "warning", "key-masked", keyMasked(`the answer to ${line.customId}`, answer.masked));
  const read = readOutputLine(raw, () => line.id);
  if (read.kind === "foreign" || read.kind === "unreadable")
    throw new Error(`a line of our own making is ${read.kind}`);
  if (read.kind !== "unanswered") {
    const blob = await keep(line, raw, read.kind, context);
    if (read.kind === "answer") bought(line, blob, tallyOf([read.answer.usage]));
    else if (read.charged !== null) bought(line, blob, chargeOf(read.charged));
    return undefined;
  }
  const { status } = answer;
  const { charged, message } = read;
  if (status === 401) return { kind: "auth", status, message };
  if (status === 429) return { kind: "rate-limited", retryAfterMs: answer.remaining.resetMs, message };
  const unclear = { kind: "ambiguous", message: `status ${status}: ${message}` } as const;
  // 200 with an error in it is the provider's own word, unlike a 5xx or a page of HTML.
  if ((status !== 200 && status !== 201) || readJson(answer.bodyText) === undefined) return unclear;
  if (charged !== null) bought(line, await keepCharged(line, raw, charged, context), chargeOf(charged));
  return { ...unclear, answered: true };
}

/** The answer in the form of a batch's output line. A body that is not JSON goes in as the text it is. */
function outputLine(line: RequestLine, { requestId, status, bodyText }: DirectAnswer): string {
  const id = JSON.stringify(requestId);
  // The body goes in as it came, byte for byte; only line ends, which JSON allows between its tokens, would cut the line.
  const body = readJson(bodyText) === undefined ? JSON.stringify(bodyText) : bodyText.replace(/[\r\n]+/g, " ").trim();
  return `{"id":${id},"custom_id":${JSON.stringify(line.customId)},"response":{"status_code":${status},"request_id":${id},"body":${body}},"error":null}`;
}

/** Blob first, then the index that names it: a crash in between asks again for one answer that was never looked at. */
async function keep(
  { id: requestId }: RequestLine,
  raw: string,
  kind: ResponseEntry["kind"],
  { blobs, responses }: JobContext,
): Promise<Digest> {
  const { digest: blob, size: length } = await blobs.put(raw);
  faultPoint("batch.direct.stored");
  responses.add([{ requestId, blob, offset: 0, length, kind, jobId: "direct", batchId: null, via: "direct" }]);
  faultPoint("batch.direct.indexed");
  return blob;
}

/** What was paid for is kept and told, also when it is no answer. No command deletes a blob of unknown origin unasked. */
async function keepCharged(line: RequestLine, raw: string, charged: Usage, context: JobContext): Promise<Digest> {
  const { digest } = await context.blobs.put(raw);
  const tokens = charged.input + charged.output;
  const message = `${line.customId}: the provider counts ${tokens} tokens for a call that it did not answer; what it sent is kept as ${digest}`;
  notice(context, "warning", "charged-failure", message);
  return digest;
}

/** Holds every worker back while the provider says that its window is used up, or one of them waits. */
class RateGate implements Pick<Clock, "sleep"> {
  readonly #context: JobContext;
  #until = 0;

  constructor(context: JobContext) {
    this.#context = context;
  }

  async pass(): Promise<void> {
    const { clock, signal } = this.#context;
    for (let now = clock.now(); now < this.#until && !signal.aborted; now = clock.now()) {
      await clock.sleep(this.#until - now, signal);
    }
  }

  /** Who waits, waits at the gate. */
  sleep(milliseconds: number): Promise<void> {
    this.#until = Math.max(this.#until, this.#context.clock.now() + Math.min(milliseconds, LONGEST_ASKED_MS));
    return Promise.resolve();
  }

  learn({ remaining: { requests, tokens, resetMs } }: DirectAnswer): void {
    if ((requests === 0 || tokens === 0) && resetMs !== null) void this.sleep(resetMs);
  }
}
