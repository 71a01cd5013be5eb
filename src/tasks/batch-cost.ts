import { costOf, type Price } from "../batch/money.ts";
import type { ModelConfig } from "../config/project-config.ts";
import type { SummaryUsage } from "./shard-summary.ts";

/** US dollars for tokens used through the Batch API; null when the model's price is not known, never zero. */
export function batchCost(usage: SummaryUsage, model: ModelConfig | null): number | null {
  if (model === null) return null;
  const price: Price = {
    inputPerMtok: model.input_usd_per_mtok,
    cachedInputPerMtok: model.cached_input_usd_per_mtok,
    outputPerMtok: model.output_usd_per_mtok,
    batchFactor: 1 - model.batch_discount,
  };
  const { prompt_tokens: input, cached_tokens: cachedInput, completion_tokens: output } = usage;
  return costOf({ input, cachedInput, output }, price, true);
}
