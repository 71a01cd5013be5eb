import { readOutputLine } from "../api/output-line.ts";
import { readJson } from "../api/read-json.ts";
import type { RequestLine } from "../api/request-file.ts";
import type { Usage } from "../api/usage.ts";
import { faultPoint } from "../engine/fault-points.ts";
import type { BlobStore, Clock } from "../engine/ports.ts";
import type { Emit } from "../events/schema.ts";
import type { Digest } from "../graph/digest.ts";
import { chargeOf, type Tally, tallyOf } from "./money.ts";
import type { BatchProvider, DirectAnswer, ProviderError } from "./provider.ts";
import { keyMasked, providerProblem } from "./provider-problem.ts";
import type { ResponseEntry, Responses } from "./responses.ts";
import type { Hindrance } from "./runner.ts";

export interface DirectPorts {
  readonly provider: BatchProvider;
  readonly responses: Responses;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly concurrency: number;
  /** Tries of one request after answers that prove that it was not executed (429, no connection). */
  readonly tries: number;
  /** Calls of one request that the provider answers with an error in a 200. */
  readonly maxAttempts: number;
  readonly firstWaitMs: number;
  readonly signal: AbortSignal;
  /** Told what each call came to, once its answer is stored and can be looked up, or it was charged for without one. */
  bought(line: RequestLine, blob: Digest, tally: Tally): void;
}

/**
 * Asks requests one by one, a few at a time, and stores each answer as it comes, in the form of a batch's output line: to
 * whoever looks it up later there is no difference. What is cut off in the middle may have been executed, and a real-time
 * call cannot be looked up afterwards, so it is not repeated by itself; the next invocation asks again.
 */
export async function askDirect(
  lines: readonly RequestLine[],
  ports: DirectPorts,
  hinder: (line: RequestLine, hindrance: Hindrance) => void,
): Promise<void> {
  const queue = [...lines];
  const gate = new RateGate(ports);
  let ended = false;
  const work = async () => {
    for (let line = queue.shift(); line !== undefined && !ended && !ports.signal.aborted; line = queue.shift()) {
      const error = await askOne(line, gate, ports);
      if (error === undefined) continue;
      if (error.kind === "aborted") return;
      hinder(line, { problem: providerProblem(error, line.customId, "answer a request"), refused: false });
      if (error.kind === "auth" || error.kind === "unreachable") {
        ended = true;
        for (const rest of queue.splice(0)) {
          hinder(rest, { problem: providerProblem(error, rest.customId, "answer a request"), refused: false });
        }
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(ports.concurrency, lines.length) }, work));
}

/** What one call came to when it left nothing to store, and how many such calls one request is worth. */
interface Unanswered {
  readonly error: ProviderError;
  readonly tries: number;
}

async function askOne(line: RequestLine, gate: RateGate, ports: DirectPorts): Promise<ProviderError | undefined> {
  let wait = ports.firstWaitMs;
  for (let tries = 1; ; tries++) {
    await gate.pass();
    const call = await ports.provider.answer({ url: line.url, body: line.body }, ports.signal);
    if (call.ok) gate.learn(call.value);
    const left = call.ok ? await take(line, call.value, ports) : unanswered(call.error, ports);
    if (left === undefined) return undefined;
    const { error } = left;
    if (tries >= left.tries || ports.signal.aborted) return error;
    gate.hold((error.kind === "rate-limited" ? error.retryAfterMs : null) ?? wait);
    wait = Math.min(wait * 2, 60_000);
  }
}

/** Only what proves that nothing was done is worth another try: see ProviderError. */
function unanswered(error: ProviderError, { tries }: DirectPorts): Unanswered {
  return { error, tries: error.kind === "rate-limited" || error.kind === "unreachable" ? tries : 1 };
}

/** Stores an answer, or a refusal in the provider's words. What is left is to be asked again, by this build or the next. */
async function take(line: RequestLine, answer: DirectAnswer, ports: DirectPorts): Promise<Unanswered | undefined> {
  const raw = outputLine(line, answer);
  if (answer.masked > 0) {
    const message = keyMasked(`the answer to ${line.customId}`, answer.masked);
    ports.emit({ type: "notice", level: "warning", code: "key-masked", message });
  }
  const read = readOutputLine(raw, () => line.id);
  if (read.kind === "foreign" || read.kind === "unreadable")
    throw new Error(`a line of our own making is ${read.kind}`);
  if (read.kind !== "unanswered") {
    const blob = await keep(line, raw, read.kind, ports);
    if (read.kind === "answer") ports.bought(line, blob, tallyOf([read.answer.usage]));
    else if (read.charged !== null) ports.bought(line, blob, chargeOf(read.charged));
    return undefined;
  }
  const { status } = answer;
  if (status === 401) return unanswered({ kind: "auth", status, message: read.message }, ports);
  if (status === 429) {
    return unanswered({ kind: "rate-limited", retryAfterMs: answer.remaining.resetMs, message: read.message }, ports);
  }
  const error: ProviderError = { kind: "ambiguous", message: `status ${status}: ${read.message}` };
  // 200 with an error in it is the provider's own word that there is no answer, unlike a 5xx or a page of HTML.
  if ((status !== 200 && status !== 201) || readJson(answer.bodyText) === undefined) return unanswered(error, ports);
  if (read.charged !== null) await tellCharged(line, raw, read.charged, ports);
  return { error, tries: ports.maxAttempts };
}

/** The answer in the form of a batch's output line. A body that is not JSON goes in as the text it is. */
function outputLine(line: RequestLine, { requestId, status, bodyText }: DirectAnswer): string {
  const id = requestId === null ? "null" : JSON.stringify(requestId);
  // The body goes in as it came, byte for byte; only line ends, which JSON allows between its tokens, would cut the line.
  const body = readJson(bodyText) === undefined ? JSON.stringify(bodyText) : bodyText.replace(/[\r\n]+/g, " ").trim();
  return `{"id":${id},"custom_id":${JSON.stringify(line.customId)},"response":{"status_code":${status},"request_id":${id},"body":${body}},"error":null}`;
}

/** Blob first, then the index that names it: a crash in between asks again for one answer that was never looked at. */
async function keep(line: RequestLine, raw: string, kind: ResponseEntry["kind"], ports: DirectPorts): Promise<Digest> {
  const blob = await ports.blobs.put(raw);
  faultPoint("batch.direct.stored");
  ports.responses.add([
    {
      requestId: line.id,
      blob: blob.digest,
      offset: 0,
      length: Buffer.byteLength(raw),
      kind,
      jobId: "direct",
      batchId: null,
      via: "direct",
    },
  ]);
  faultPoint("batch.direct.indexed");
  return blob.digest;
}

/** What was paid for is kept and told, also when it is no answer. No command deletes a blob of unknown origin unasked. */
async function tellCharged(line: RequestLine, raw: string, charged: Usage, ports: DirectPorts): Promise<void> {
  const blob = await ports.blobs.put(raw);
  ports.bought(line, blob.digest, chargeOf(charged));
  ports.emit({
    type: "notice",
    level: "warning",
    code: "charged-failure",
    message: `${line.customId}: the provider counts ${charged.input + charged.output} tokens for a call that it did not answer; what it sent is kept as ${blob.digest}`,
  });
}

/** Holds every worker back while the provider says that its window is used up. */
class RateGate {
  readonly #ports: DirectPorts;
  #until = 0;

  constructor(ports: DirectPorts) {
    this.#ports = ports;
  }

  async pass(): Promise<void> {
    const { clock, signal } = this.#ports;
    for (let now = clock.now(); now < this.#until && !signal.aborted; now = clock.now()) {
      await clock.sleep(this.#until - now, signal);
    }
  }

  hold(milliseconds: number): void {
    this.#until = Math.max(this.#until, this.#ports.clock.now() + Math.min(milliseconds, 600_000));
  }

  learn(answer: DirectAnswer): void {
    const { requests, tokens, resetMs } = answer.remaining;
    if ((requests === 0 || tokens === 0) && resetMs !== null) this.hold(resetMs);
  }
}
