import { open } from "node:fs/promises";
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import type { JsonObject } from "../graph/json.ts";
import { answerTo } from "./answers.ts";
import { type InputFile, type InputLine, lineOf, ResultFile, type Span, spansOf } from "./batch-files.ts";
import { appendToLedger, type LedgerEvent, requestKeys } from "./ledger.ts";
import { type Answered, NO_TOKENS } from "./question.ts";
import { randomFrom, shuffled, simId } from "./random.ts";
import { type ApiError, errorBody, SERVER_ERROR } from "./reply.ts";
import type { Simulation } from "./simulation.ts";
import type { BatchRecord, Settled, SimulatorState } from "./state.ts";
import { isTerminal, type Progress, progressOf } from "./timeline.ts";

/** A batch as it stands. */
export interface Standing {
  readonly record: BatchRecord;
  readonly progress: Progress;
}

/** After so many lines other calls get their turn: the server may live in the caller's own process. */
const LINES_A_TURN = 50;

/**
 * Moves batches along to the present: charges what was executed since somebody last looked, and writes the output of
 * those that ended. Calls for one batch take turns.
 */
export class BatchRunner {
  readonly #simulation: Simulation;
  readonly #state: SimulatorState;
  readonly #turns = new Map<string, Promise<unknown>>();
  #stopped = false;
  /** Of the batches that are under way, so that a look does not read 200 MB. */
  readonly #spans = new Map<string, readonly Span[]>();

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#state = simulation.state;
  }

  /** The batch as a caller is told of it, or undefined when there is none. */
  async look(id: string): Promise<Standing | undefined> {
    const waiting = new AbortController();
    const { signal } = waiting;
    const late = pause(this.#simulation.longestLookMs, undefined, { ref: false, signal }).then(() => {
      const record = this.#state.batches.get(id);
      return record === undefined ? undefined : this.#unfinished(record);
    });
    late.catch(() => undefined); // cut off when the answer is there first
    try {
      return await Promise.race([this.settle(id), late]);
    } finally {
      waiting.abort();
    }
  }

  /** Brings a batch up to this moment, however long that takes. */
  settle(id: string): Promise<Standing | undefined> {
    return this.#inTurn(id, (record) => this.#advance(record));
  }

  /** Gives up what is being written, and returns when nothing is any more: the next server begins it anew. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#turns.values());
  }

  /** A batch that has ended but whose output is not there yet is told of as it was just before its end. */
  #unfinished(record: BatchRecord): Standing {
    const progress = progressOf(record.course, this.#simulation.now());
    const { endedAt } = progress;
    if (record.settled !== null || endedAt === null || !isTerminal(progress.status)) return { record, progress };
    return { record, progress: progressOf(record.course, endedAt - 1) };
  }

  async #nextTurn(): Promise<void> {
    await nextTurn();
    if (this.#stopped) throw new Error("the simulator was stopped");
  }

  /** Cancels a batch that has not ended; what it has executed stays executed and charged. */
  cancel(id: string): Promise<Standing | undefined> {
    return this.#inTurn(id, async (record) => {
      const standing = await this.#advance(record);
      if (isTerminal(standing.progress.status) || standing.progress.status === "cancelling") return standing;
      const cancelled = { ...standing.record, course: { ...record.course, cancelledAtMs: this.#simulation.now() } };
      this.#state.batches.save(cancelled);
      return this.#advance(cancelled);
    });
  }

  async #inTurn(id: string, work: (record: BatchRecord) => Promise<Standing>): Promise<Standing | undefined> {
    const before = this.#turns.get(id) ?? Promise.resolve();
    const take = async () => {
      const record = this.#state.batches.get(id);
      return record && work(record);
    };
    const turn = before.then(take, take);
    this.#turns.set(id, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(id) === turn) this.#turns.delete(id);
    }
  }

  async #advance(record: BatchRecord): Promise<Standing> {
    const progress = progressOf(record.course, this.#simulation.now());
    const ended = isTerminal(progress.status) && record.settled === null;
    if (progress.executed <= record.charged && !ended) return { record, progress };
    if (progress.status === "failed") {
      const nothing = { outputFileId: null, errorFileId: null, completed: 0, failed: 0, tokens: NO_TOKENS };
      return this.#settle(record, progress, nothing);
    }
    const path = this.#state.contentPath(record.inputFileId);
    const spans = this.#spans.get(record.id) ?? (await spansOf(path));
    this.#spans.set(record.id, spans);
    const input = { handle: await open(path, "r"), spans };
    try {
      const charged = await this.#charge(record, progress.executed, input);
      if (!ended) return { record: charged, progress };
      return this.#settle(charged, progress, await this.#writeResults(charged, progress, input));
    } finally {
      await input.handle.close();
    }
  }

  #settle(record: BatchRecord, progress: Progress, settled: Settled): Standing {
    const done = { ...record, settled };
    this.#spans.delete(record.id);
    this.#state.batches.save(done);
    this.#state.dropContent(record.inputFileId);
    return { record: done, progress };
  }

  /** The ledger first, then the record: killed in between, the same charges are written again and read once. */
  async #charge(record: BatchRecord, executed: number, input: InputFile): Promise<BatchRecord> {
    const order = executionOrder(record);
    let events: LedgerEvent[] = [];
    for (const index of order.slice(record.charged, executed)) {
      if (isDropped(record, index, order)) continue;
      const line = await lineOf(input, index);
      const answer = this.#answer(record, index, line);
      if (answer.status !== 200) continue;
      const keys = requestKeys(line.body, line.customId);
      const at = this.#simulation.now();
      events.push({ event: "charge", ...keys, customId: line.customId, batchId: record.id, tokens: answer.tokens, at });
      if (events.length === LINES_A_TURN) {
        appendToLedger(this.#state.dir, events);
        events = [];
        await this.#nextTurn();
      }
    }
    appendToLedger(this.#state.dir, events);
    const charged = { ...record, charged: Math.max(record.charged, executed) };
    this.#state.batches.save(charged);
    return charged;
  }

  /** Writes the output and the error file: lines in an order of their own, the same bytes whenever it is done. */
  async #writeResults(record: BatchRecord, progress: Progress, input: InputFile): Promise<Settled> {
    const order = executionOrder(record);
    const executed = new Set(order.slice(0, progress.executed));
    const output = new ResultFile(this.#state, record, "output");
    const errors = new ResultFile(this.#state, record, "error");
    const tokens = { input: 0, output: 0 };
    const addTo = (file: ResultFile, customId: string, named: string | number, said: JsonObject) =>
      file.add({ id: simId("batch_req_", record.id, named), custom_id: customId, ...said });
    const respond = (named: string | number, status: number, body: JsonObject): JsonObject => ({
      response: { status_code: status, request_id: simId("req_", record.id, named), body },
      error: null,
    });
    const arrival = shuffled(record.course.total, randomFrom("arrival", record.id));
    for (const [turn, index] of arrival.entries()) {
      if (turn % LINES_A_TURN === 0 || output.isLarge) await this.#nextTurn();
      if (isDropped(record, index, order)) continue;
      const line = await lineOf(input, index);
      const { customId } = line;
      if (!executed.has(index)) {
        await addTo(errors, customId, customId, { response: null, error: notExecuted(progress) });
        continue;
      }
      const { status, body, tokens: used } = this.#answer(record, index, line);
      tokens.input += used.input;
      tokens.output += used.output;
      await addTo(status === 200 ? output : errors, customId, customId, respond(customId, status, body()));
    }
    for (let extra = 0; extra < record.quirks.unknownLines; extra++) {
      const body = { object: "chat.completion", choices: [] };
      await addTo(output, `unknown-${extra}`, extra, respond(extra, 200, body));
    }
    const completed = output.lines - record.quirks.unknownLines;
    return {
      outputFileId: await output.finish(this.#simulation.now()),
      errorFileId: await errors.finish(this.#simulation.now()),
      completed: Math.min(completed, record.course.total),
      failed: errors.lines + record.quirks.dropLines,
      tokens,
    };
  }

  #answer(record: BatchRecord, index: number, line: InputLine): Answered {
    const { onlyErrors, errorLines } = record.quirks;
    if (onlyErrors !== null) return errorAnswer(onlyErrors);
    if (errorLines !== null && (index + 1) % errorLines.every === 0) return errorAnswer(errorLines.status);
    const { seed, yieldShare } = this.#simulation;
    return answerTo({ seed, endpoint: record.endpoint, body: line.body, variation: line.customId, yieldShare });
  }
}

function executionOrder(record: BatchRecord): readonly number[] {
  return shuffled(record.course.total, randomFrom("execution", record.id));
}

/** The first of the execution order are the ones that a batch with the `fewer-lines` fault loses. */
function isDropped(record: BatchRecord, index: number, order: readonly number[]): boolean {
  const { dropLines } = record.quirks;
  return dropLines > 0 && order.slice(0, dropLines).includes(index);
}

function notExecuted(progress: Progress): JsonObject {
  return progress.status === "cancelled"
    ? { code: "batch_cancelled", message: "This request was not executed because the batch was cancelled." }
    : { code: "batch_expired", message: "This request could not be executed before the completion window expired." };
}

/** The answers of the `error-lines` and `only-error-file` faults. */
function errorAnswer(status: number): Answered {
  return { status, body: () => errorBody(ERRORS[status] ?? INVALID), tokens: NO_TOKENS };
}

const INVALID = { message: "Invalid value in the request.", code: "invalid_value", param: "messages" };
const ERRORS: Readonly<Record<number, ApiError>> = {
  401: { message: "Incorrect API key provided.", code: "invalid_api_key" },
  404: { message: "The model does not exist or you do not have access to it.", code: "model_not_found" },
  429: { message: "Rate limit reached.", type: "requests", code: "rate_limit_exceeded" },
  500: SERVER_ERROR,
};
