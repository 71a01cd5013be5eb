import { parentPort, workerData } from "node:worker_threads";
import type { Problem } from "../graph/problem.ts";
import { ok, type Result } from "../graph/result.ts";
import { type EncoderSpec, loadEncoders } from "./encoder.ts";
import type { PairVerdict } from "./pair-rule.ts";
import { judgePortion, type Portion } from "./portion.ts";

/* What runs in each thread: tokenizers are loaded once, and what comes is judged. */

export interface ToJudge {
  readonly id: number;
  readonly portion: Portion;
}

export interface FromJudge {
  readonly id: number;
  /** An error when a tokenizer could not be loaded. */
  readonly judged: Result<readonly PairVerdict[], Problem>;
}

const port = parentPort;
if (port === null) throw new Error("this module runs in a worker thread only");
const { specs } = workerData as { readonly specs: readonly EncoderSpec[] };
const loading = loadEncoders(specs);
port.on("message", async ({ id, portion }: ToJudge) => {
  const encoders = await loading;
  const judged = encoders.ok ? ok(judgePortion(encoders.value, portion)) : encoders;
  port.postMessage({ id, judged } satisfies FromJudge);
});
