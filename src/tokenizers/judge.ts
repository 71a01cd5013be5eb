import { setImmediate as breathe } from "node:timers/promises";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { comparerOf, type Encoder, type EncoderSpec, keepTables, loadEncoder } from "./encoder.ts";
import { acquireThreads } from "./judge-threads.ts";
import { DEFAULT_MAX_CHARACTERS, judgePair, type Pair, type PairVerdict, type Variant } from "./pair-rule.ts";

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
  const { variants, maxCharacters = DEFAULT_MAX_CHARACTERS } = options;
  return options.threads <= 1
    ? openHere(options.tokenizers, variants, maxCharacters)
    : openThreads(options.tokenizers, variants, maxCharacters, options.threads);
}

async function openHere(
  specs: readonly EncoderSpec[],
  variants: readonly Variant[],
  maxCharacters: number,
): Promise<Result<PairJudge, Problem>> {
  const encoders: Encoder[] = [];
  for (const spec of specs) {
    const encoder = await loadEncoder(spec);
    if (!encoder.ok) return encoder;
    encoders.push(encoder.value);
  }
  const comparers = encoders.map((encoder) => comparerOf(encoder, variants));
  return ok({
    async judge(pairs) {
      const verdicts: PairVerdict[] = [];
      for (const pair of pairs) {
        verdicts.push(judgePair(comparers, pair, maxCharacters));
        // Encoding is synchronous: without a breath now and then, Ctrl-C and timers would wait for the whole batch.
        if (verdicts.length % PORTION === 0) await breathe();
      }
      return verdicts;
    },
    close: async () => {},
  });
}

async function openThreads(
  specs: readonly EncoderSpec[],
  variants: readonly Variant[],
  maxCharacters: number,
  count: number,
): Promise<Result<PairJudge, Problem>> {
  for (const spec of specs) keepTables(spec);
  const lease = acquireThreads(specs, count);
  const problem = await lease.ready();
  if (problem !== undefined) {
    lease.release();
    return err(problem);
  }
  return ok({
    async judge(pairs) {
      const portions: Promise<readonly PairVerdict[]>[] = [];
      for (let from = 0; from < pairs.length; from += PORTION) {
        portions.push(lease.judge({ variants, maxCharacters, pairs: pairs.slice(from, from + PORTION) }));
      }
      return (await Promise.all(portions)).flat();
    },
    close: async () => lease.release(),
  });
}
