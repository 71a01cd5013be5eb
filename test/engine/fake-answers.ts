import { readFileSync } from "node:fs";
import type { AnswerReader } from "../../src/api/answers.ts";
import type { Answers, Ask, GateNeed, GateView } from "../../src/engine/gate.ts";
import type { TargetName } from "../../src/graph/names.ts";
import type { Problem } from "../../src/graph/problem.ts";
import type { LiveTarget } from "../../src/graph/target.ts";

/**
 * Answers with no provider behind them. What was asked and what was answered is known by the request file's content, as
 * with the real ones; `lag` polls pass between the question and its answer.
 */
export class FakeAnswers implements Answers {
  readonly namespace: string;
  /** Every request file that was sent, in order. */
  readonly opened: string[] = [];
  polls = 0;
  readonly #lag: number;
  readonly #waiting = new Map<string, number>();
  readonly #answered = new Set<string>();
  readonly #broken = new Map<string, { readonly problem: Problem; readonly refused: boolean }>();

  constructor(settings: { readonly lag?: number; readonly namespace?: string } = {}) {
    this.#lag = settings.lag ?? 0;
    this.namespace = settings.namespace ?? "fake:1";
  }

  /** The next time this request file is asked, this is what comes back. */
  breaks(requestFile: string, message: string, refused = false): void {
    this.#broken.set(requestFile, { problem: { kind: "provider", where: requestFile, message }, refused });
  }

  heals(requestFile: string): void {
    this.#broken.delete(requestFile);
  }

  assess(need: GateNeed): GateView {
    if (this.#answered.has(need.requestsDigest)) return { state: "answered", settled: true, hash: "", unanswered: 0 };
    if (!this.#waiting.has(need.requestsDigest)) return { state: "needed", ask: askOf(need) };
    const progress = { total: 1, completed: 0, failed: 0 };
    const on = { requestFile: need.requestFile, jobId: need.requestsDigest.slice(0, 8), batchId: null, progress };
    return { state: "waiting", on: [{ ...on, status: "in_progress", since: 0 }] };
  }

  async open(needs: readonly GateNeed[]): Promise<ReadonlyMap<TargetName, GateView>> {
    const views = new Map<TargetName, GateView>();
    for (const need of needs) {
      const broken = this.#broken.get(need.requestFile);
      if (broken !== undefined) {
        views.set(need.target, { state: broken.refused ? "refused" : "failed", problem: broken.problem });
        continue;
      }
      if (this.assess(need).state === "needed") {
        this.opened.push(need.requestFile);
        if (this.#lag === 0) this.#answered.add(need.requestsDigest);
        else this.#waiting.set(need.requestsDigest, this.#lag);
      }
      views.set(need.target, this.assess(need));
    }
    return views;
  }

  async poll(): Promise<boolean> {
    this.polls++;
    let changed = false;
    for (const [digest, left] of [...this.#waiting]) {
      this.#waiting.set(digest, left - 1);
      if (left > 1) continue;
      this.#waiting.delete(digest);
      this.#answered.add(digest);
      changed = true;
    }
    return changed;
  }

  async look(): Promise<void> {
    await this.poll();
  }

  nextPollMs(): number {
    return 1;
  }

  reader(need: GateNeed): AnswerReader {
    const asked = readFileSync(need.requestsPath, "utf8");
    return {
      line: (requestId) => ({
        raw: `${this.namespace} answers ${requestId}: ${asked}`,
        kind: "answer",
        batchId: null,
        via: "batch",
        usage: null,
      }),
      why: () => ({ kind: "given-up", message: "never asked" }),
    };
  }

  view(_live: LiveTarget): string | undefined {
    return undefined;
  }
}

function askOf(need: GateNeed): Ask {
  const unknown = { inputTokens: null, outputTokens: null, costUsd: null, maxCostUsd: null };
  return { requests: 1, reused: 0, ...unknown, model: `for ${need.requestFile}` };
}
