import type { Emit } from "../engine/events.ts";
import { faultPoint } from "../engine/fault-points.ts";
import type { BlobStore, Clock } from "../engine/ports.ts";
import type { BatchProvider, DirectAnswer, ProviderError } from "./provider.ts";
import { providerProblem } from "./provider-problem.ts";
import type { RequestLine } from "./request-file.ts";
import { type Responses, readOutcome } from "./responses.ts";
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
  readonly firstWaitMs: number;
  readonly signal: AbortSignal;
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
): Promise<number> {
  const queue = [...lines];
  const gate = new RateGate(ports);
  let answered = 0;
  let ended = false;
  const work = async () => {
    for (let line = queue.shift(); line !== undefined && !ended && !ports.signal.aborted; line = queue.shift()) {
      const outcome = await askOne(line, gate, ports);
      if (outcome === undefined) {
        answered++;
        continue;
      }
      if (outcome.kind === "aborted") return;
      hinder(line, { problem: providerProblem(outcome, line.customId, "answer a request"), refused: false });
      if (outcome.kind === "auth" || outcome.kind === "unreachable") {
        ended = true;
        for (const rest of queue.splice(0)) {
          hinder(rest, { problem: providerProblem(outcome, rest.customId, "answer a request"), refused: false });
        }
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(ports.concurrency, lines.length) }, work));
  return answered;
}

async function askOne(line: RequestLine, gate: RateGate, ports: DirectPorts): Promise<ProviderError | undefined> {
  let wait = ports.firstWaitMs;
  for (let tries = 1; ; tries++) {
    await gate.pass();
    const call = await ports.provider.answer({ url: line.url, body: line.body }, ports.signal);
    const error = call.ok ? errorOf(call.value) : call.error;
    if (call.ok) gate.learn(call.value);
    if (call.ok && error === undefined) {
      await keep(line, call.value, ports);
      return undefined;
    }
    if (error === undefined) throw new Error("a call without a value and without an error");
    const again = error.kind === "rate-limited" || error.kind === "unreachable";
    if (!again || tries >= ports.tries || ports.signal.aborted) return error;
    gate.hold((error.kind === "rate-limited" ? error.retryAfterMs : null) ?? wait);
    wait = Math.min(wait * 2, 60_000);
  }
}

/** Blob first, then the index that names it: a crash in between asks again for one answer that was never looked at. */
async function keep(line: RequestLine, answer: DirectAnswer, ports: DirectPorts): Promise<void> {
  const id = answer.requestId === null ? "null" : JSON.stringify(answer.requestId);
  // The body goes in as it came, byte for byte; only line ends, which JSON allows between its tokens, would cut the line.
  const body = answer.bodyText.replace(/[\r\n]+/g, " ").trim();
  const raw = `{"id":${id},"custom_id":${JSON.stringify(line.customId)},"response":{"status_code":${answer.status},"request_id":${id},"body":${body}},"error":null}`;
  const outcome = readOutcome(raw);
  if (outcome === undefined || (outcome.kind !== "answer" && outcome.kind !== "refusal")) {
    throw new Error(`an answer of status ${answer.status} reads as ${outcome?.kind ?? "nothing"}`);
  }
  const blob = await ports.blobs.put(raw);
  faultPoint("batch.direct.stored");
  ports.responses.add([
    {
      requestId: line.id,
      blob: blob.digest,
      offset: 0,
      length: Buffer.byteLength(raw),
      kind: outcome.kind,
      jobId: "direct",
      batchId: null,
      via: "direct",
    },
  ]);
  faultPoint("batch.direct.indexed");
}

/** What a status proves. A body that does not parse is no answer, whatever its status. */
function errorOf(answer: DirectAnswer): ProviderError | undefined {
  const { status, bodyText } = answer;
  const message = bodyText.slice(0, 200);
  if (status === 429) return { kind: "rate-limited", retryAfterMs: answer.remaining.resetMs, message };
  if (status === 401 || status === 403) return { kind: "auth", status, message };
  // A redirect, or a success that is not the one the API documents: something else answered.
  if (status < 400 && status !== 200) return { kind: "ambiguous", message: `status ${status}: ${message}` };
  if (status >= 500 || status === 408 || status === 409)
    return { kind: "ambiguous", message: `status ${status}: ${message}` };
  try {
    JSON.parse(bodyText);
    return undefined;
  } catch {
    return { kind: "ambiguous", message: `status ${status} with a body that is not JSON` };
  }
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
