import { readOutputLine } from "../api/output-line.ts";
import type { Journal } from "../engine/ports.ts";
import type { Digest } from "../graph/digest.ts";
import type { JsonObject } from "../graph/json.ts";
import { sumKnown } from "./budget.ts";
import type { Job, Usage } from "./job.ts";
import { costOf, type Price } from "./money.ts";
import type { RequestLine } from "./request-file.ts";
import type { Responses } from "./responses.ts";
import { addUsage, NOTHING, type ReuseRecord, type SpendingLine, spendingOf } from "./spending.ts";

export interface AccountSources {
  readonly namespace: string;
  readonly responses: Responses;
  readonly journal: Journal;
  readonly priceOf: (model: string) => Price | undefined;
  readonly now: () => number;
}

/** What a project paid, what is under way, and what reuse has saved. */
export interface CostReport {
  readonly spent: readonly SpendingLine[];
  readonly spentUsd: number | null;
  /** The jobs under way, at their most. */
  readonly inFlight: readonly {
    readonly task: string;
    readonly model: string;
    readonly requests: number;
    readonly usd: number | null;
  }[];
  readonly inFlightUsd: number | null;
  readonly saved: readonly {
    readonly task: string;
    readonly model: string;
    readonly requests: number;
    readonly usd: number | null;
  }[];
  readonly savedUsd: number | null;
}

/** The money side of the answers: everything is derived from the stored answers and the journal, and counted once. */
export class Account {
  readonly #sources: AccountSources;
  #reuse: Map<Digest, ReuseRecord> | undefined;

  constructor(sources: AccountSources) {
    this.#sources = sources;
  }

  /** Every stored answer once, from its own `usage`. Reads every answer: for `dsgen cost` and budgets, not for a null build. */
  spent(): readonly SpendingLine[] {
    const { responses, priceOf } = this.#sources;
    return spendingOf({
      entries: () => responses.entries(),
      raw: (entry) => responses.readRaw(entry.requestId),
      priceOf,
    });
  }

  spentUsd(): number | null {
    return sumKnown(this.spent().map((line) => line.usd));
  }

  /**
   * Notes that a request file found these answers already bought, by a job that was cut from another file, or elsewhere.
   * Once per file content, however often it is built.
   */
  noteReuse(
    from: Digest,
    task: string | null,
    lines: readonly RequestLine[],
    boughtFor: (jobId: string) => Digest | undefined,
  ): void {
    const { namespace, responses, journal, now } = this.#sources;
    if (this.#reused().has(from)) return;
    let usage: Usage = NOTHING;
    let requests = 0;
    for (const line of lines) {
      const entry = responses.lookup(line.id);
      if (entry === undefined || entry.kind !== "answer" || boughtFor(entry.jobId) === from) continue;
      if (entry.via === "direct") continue;
      const read = readOutputLine(responses.readRaw(line.id) ?? "", () => line.id);
      requests++;
      if (read.kind === "answer") usage = addUsage(usage, read.answer.usage ?? NOTHING);
    }
    if (requests === 0) return;
    const model = lines[0]?.model ?? "unknown";
    const record: ReuseRecord = { t: "reuse", from, namespace, task, model, requests, usage, at: now() };
    journal.append(record);
    this.#reused().set(from, record);
  }

  report(open: readonly Pick<Job, "task" | "model" | "requests" | "maxCostUsd">[]): CostReport {
    const spent = this.spent();
    const inFlight = open.map(({ task, model, requests, maxCostUsd }) => ({
      task: task ?? "",
      model,
      requests,
      usd: maxCostUsd,
    }));
    const saved = [...this.#reused().values()]
      .filter((record) => record.namespace === this.#sources.namespace)
      .map(({ task, model, requests, usage }) => ({
        task: task ?? "",
        model,
        requests,
        usd: costOf(usage, this.#sources.priceOf(model), true),
      }));
    return {
      spent,
      spentUsd: sumKnown(spent.map((line) => line.usd)),
      inFlight,
      inFlightUsd: sumKnown(inFlight.map((line) => line.usd)),
      saved,
      savedUsd: sumKnown(saved.map((line) => line.usd)),
    };
  }

  #reused(): Map<Digest, ReuseRecord> {
    this.#reuse ??= new Map(
      this.#sources.journal
        .records()
        .filter(isReuse)
        .map((record) => [record.from, record]),
    );
    return this.#reuse;
  }
}

function isReuse(record: JsonObject): record is JsonObject & ReuseRecord {
  return record["t"] === "reuse" && typeof record["from"] === "string" && typeof record["usage"] === "object";
}
