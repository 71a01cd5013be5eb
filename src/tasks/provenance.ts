import type { JsonObject, JsonValue } from "../graph/json.ts";
import type { Origin } from "./candidate.ts";

/** What is known of the answer that a scenario came from, beside what the scenario's line says. */
export interface AnswerSource {
  readonly shard: string;
  readonly batchId: JsonValue;
  /** Absent for tasks without axes. */
  readonly axes: JsonObject | undefined;
}

/** The line of a manifest after which its scenarios stand, a line each, and nothing else. */
export const SCENARIOS_LINE = '  "scenarios": [';

/** Tells where each scenario of a dataset came from, a line each: as `dataset.sources.jsonl` has it, and the manifest. */
export class Provenance {
  #next = 0;
  /** The entries of an answer come one after another: they differ in their number, and in their index alone. */
  #answer: { readonly from: Origin; readonly shard: string; readonly around: readonly [string, string] } | undefined;

  /** The line of the next scenario, with its end. */
  line(from: Origin, source: AnswerSource): string {
    const known = this.#answer;
    const same =
      known !== undefined &&
      known.from.request_id === from.request_id &&
      known.from.custom_id === from.custom_id &&
      known.shard === source.shard;
    const [before, after] = same ? known.around : around(from, source);
    if (!same) this.#answer = { from, shard: source.shard, around: [before, after] };
    return `{"scenario_id":${this.#next++}${before}${from.index}${after}`;
  }
}

/** What stands in the lines of an answer before and after the place of an entry. */
function around({ custom_id, request_id }: Origin, { shard, batchId, axes }: AnswerSource): [string, string] {
  const before = JSON.stringify({ shard, custom_id, request_id, batch_id: batchId });
  return [`,${before.slice(1, -1)},"entry":`, `${axes === undefined ? "" : `,"axes":${JSON.stringify(axes)}`}}\n`];
}
