import { isJsonObject, type JsonObject, jsonObjectIn } from "../graph/json.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { damagedShard, readSummary, type ShardSummary } from "./shard-summary.ts";

const CHOSEN = ["target", "taken", "short_by", "duplicates"] as const;

/** What came of the candidates of a dataset's shards: `validated/T/dataset.sources.counts.json`, for the manifest to tell. */
export type DatasetCounts = {
  readonly v: 1;
  readonly shards: number;
  readonly summary: ShardSummary;
  /** As the selection has it. */
  readonly scenarios: Readonly<Record<(typeof CHOSEN)[number], number>>;
  /** Whether tokenizers had a say in what the dataset holds. */
  readonly judged_by_tokenizers: boolean;
  /** An `AxisTable`; null for tasks without axes. */
  readonly yield_by_axis: JsonObject | null;
  readonly buying: JsonObject;
  /** Tokens and US dollars, as `Bill` has them. */
  readonly bill: JsonObject;
};

/** @throws ProblemError (`corrupt`, naming the file) when it holds something else */
export function parseCounts(name: string, text: string): DatasetCounts {
  const counts = readCounts(jsonObjectIn(text));
  if (counts.ok) return counts.value;
  throw damagedShard(name, counts.error);
}

function readCounts(value: JsonObject | undefined): Result<DatasetCounts, string> {
  if (value === undefined) return err("expected a JSON object");
  const { v, shards, scenarios, judged_by_tokenizers, yield_by_axis = null, buying, bill } = value;
  if (v !== 1) return err(`expected counts of version 1, found ${JSON.stringify(v)}`);
  if (typeof shards !== "number") return err('"shards" must be a number');
  const summary = readSummary(value["summary"]);
  if (!summary.ok) return summary;
  if (!isJsonObject(scenarios)) return err('"scenarios" must be an object');
  const chosen = CHOSEN.map((key) => scenarios[key]).filter((count) => typeof count === "number");
  const [target, taken, short_by, duplicates] = chosen;
  if (target === undefined || taken === undefined || short_by === undefined || duplicates === undefined)
    return err(`"scenarios" must hold the numbers ${CHOSEN.join(", ")}`);
  if (typeof judged_by_tokenizers !== "boolean") return err('"judged_by_tokenizers" must be true or false');
  if (yield_by_axis !== null && !isJsonObject(yield_by_axis)) return err('"yield_by_axis" must be an object or null');
  if (!isJsonObject(buying) || !isJsonObject(bill)) return err('"buying" and "bill" must be objects');
  const read = { v, shards, summary: summary.value, scenarios: { target, taken, short_by, duplicates } } as const;
  return ok({ ...read, judged_by_tokenizers, yield_by_axis, buying, bill });
}
