import { parentPort, workerData } from "node:worker_threads";
import type { Problem } from "../graph/problem.ts";
import { comparerOf, type Encoder, type EncoderSpec, loadEncoder } from "./encoder.ts";
import { judgePair, type Pair, type PairVerdict, type Variant } from "./pair-rule.ts";

/** Pairs for one thread, with all that their verdicts depend on besides the tokenizers. */
export interface Portion {
  readonly variants: readonly Variant[];
  readonly maxCharacters: number;
  readonly pairs: readonly Pair[];
}

export interface ToJudge {
  readonly id: number;
  readonly portion: Portion;
}

export type FromJudge =
  | { readonly kind: "ready" }
  | { readonly kind: "not-ready"; readonly problem: Problem }
  | { readonly kind: "judged"; readonly id: number; readonly verdicts: readonly PairVerdict[] };

/** What runs in each thread: load once, then judge what comes. */
async function main(specs: readonly EncoderSpec[]): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error("this module runs in a worker thread only");
  const send = (message: FromJudge) => port.postMessage(message);
  const encoders: Encoder[] = [];
  for (const spec of specs) {
    const encoder = await loadEncoder(spec);
    if (!encoder.ok) {
      send({ kind: "not-ready", problem: encoder.error });
      return;
    }
    encoders.push(encoder.value);
  }
  port.on("message", ({ id, portion }: ToJudge) => {
    const { variants, maxCharacters, pairs } = portion;
    const comparers = encoders.map((encoder) => comparerOf(encoder, variants));
    send({ kind: "judged", id, verdicts: pairs.map((pair) => judgePair(comparers, pair, maxCharacters)) });
  });
  send({ kind: "ready" });
}

const { specs } = workerData as { readonly specs: readonly EncoderSpec[] };
await main(specs);
