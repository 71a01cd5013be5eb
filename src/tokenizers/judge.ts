import { setImmediate as breathe } from "node:timers/promises";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { type EncoderSpec, keepTables, loadEncoders } from "./encoder.ts";
import { DEFAULT_MAX_CHARACTERS, type Pair, type PairVerdict } from "./pair-rule.ts";
import { judgePortion, type Portion } from "./portion.ts";
import type { Variant } from "./variant.ts";

export interface JudgeOptions {
  readonly tokenizers: readonly EncoderSpec[];
  readonly variants: readonly Variant[];
  /** Worker threads. 0 or 1 judges in this process. Never shows in a verdict. */
  readonly threads: number;
  /** Unicode code points a member of a pair may have; DEFAULT_MAX_CHARACTERS unless told. */
  readonly maxCharacters?: number;
}

/** Judges pairs by the rule of pair-rule.ts. */
export interface PairJudge {
  /**
   * The verdicts, in the order of the pairs. Everything handed over is held in memory until it is judged: hand over some
   * hundreds at a time.
   */
  judge(pairs: readonly Pair[]): Promise<readonly PairVerdict[]>;
  /** Gives the threads back. They stay loaded for a while, for the next shard. */
  close(): Promise<void>;
}

/** How many pairs go to a thread at once, and between two breaths of the event loop in this process. */
const PORTION = 256;

/** Opens a judge. Errors: a tokenizer that cannot be loaded. */
export async function openJudge(options: JudgeOptions): Promise<Result<PairJudge, Problem>> {
  const { tokenizers, variants, threads, maxCharacters = DEFAULT_MAX_CHARACTERS } = options;
  const opened = threads <= 1 ? await openHere(tokenizers) : await openThreads(tokenizers, threads);
  if (!opened.ok) return opened;
  const { judge, close } = opened.value;
  return ok({
    judge(pairs) {
      const portions: Portion[] = [];
      for (let from = 0; from < pairs.length; from += PORTION) {
        portions.push({ variants, maxCharacters, pairs: pairs.slice(from, from + PORTION) });
      }
      return judge(portions);
    },
    close: async () => close(),
  });
}

interface Opened {
  judge(portions: readonly Portion[]): Promise<readonly PairVerdict[]>;
  close(): void;
}

async function openHere(specs: readonly EncoderSpec[]): Promise<Result<Opened, Problem>> {
  const encoders = await loadEncoders(specs);
  if (!encoders.ok) return encoders;
  return ok({
    async judge(portions) {
      const verdicts: (readonly PairVerdict[])[] = [];
      for (const portion of portions) {
        verdicts.push(judgePortion(encoders.value, portion));
        // Encoding is synchronous: without a breath now and then, Ctrl-C and timers would wait for the whole batch.
        await breathe();
      }
      return verdicts.flat();
    },
    close: () => undefined,
  });
}

async function openThreads(specs: readonly EncoderSpec[], count: number): Promise<Result<Opened, Problem>> {
  for (const spec of specs) keepTables(spec);
  const { threadsFor } = await import("./judge-threads.ts");
  const threads = threadsFor(specs, count);
  let open = true;
  const close = () => {
    if (open) threads.release();
    open = false;
  };
  const problem = await threads.ready();
  if (problem !== undefined) {
    close();
    return err(problem);
  }
  return ok({
    judge: async (portions) => (await Promise.all(portions.map((portion) => threads.judge(portion)))).flat(),
    close,
  });
}
