import type { JsonObject } from "../graph/json.ts";
import type { TargetName } from "../graph/names.ts";
import type { Expansion, ExpansionContext, ExpansionModule } from "../graph/target.ts";
import type { PairNames } from "../tasks/candidate.ts";
import type { DedupeBy } from "../tasks/dedupe.ts";
import { Selection } from "../tasks/select.ts";
import { readShard } from "../tasks/shard.ts";

/** What `targets/` tells this module: the task's shards in index order, and how the dataset is chosen from them. */
type Params = {
  /** `give`: the files the target is to be made from, of each shard that counts. */
  readonly shards: readonly { readonly shard: TargetName; readonly give: readonly TargetName[] }[];
  readonly pair: PairNames;
  readonly target_scenarios: number;
  readonly dedupe: { readonly by: DedupeBy };
  readonly batches: number;
};

/**
 * Decides how many shards a dataset needs. Shards count in index order: once shards 0..k hold enough, the dataset is
 * final, whatever the later ones do; only a gap in that order waits. When all that were wanted are there and do not
 * suffice, more are wanted, as far as `max_batches` goes.
 */
const selectShards: ExpansionModule = async (context): Promise<Expansion> => {
  // The parameters are what targets/ wrote, checked by the config's schema.
  const params = context.params as JsonObject & Params;
  const selection = new Selection(params.target_scenarios, params.dedupe.by);
  let built = 0;
  for (const { shard } of params.shards) {
    const bytes = await context.read(shard);
    if (bytes === undefined) break;
    const lines = Buffer.from(bytes).toString("utf8").split("\n");
    if (lines.at(-1) === "") lines.pop();
    for await (const line of readShard(lines, shard, params.pair)) selection.offer(line, built);
    built++;
    if (selection.complete) return settle(params, built, selection, context);
  }
  const wanted = Math.max(params.batches, built);
  if (built < wanted) return want(params, wanted, selection);
  if (built >= params.shards.length) return settle(params, built, selection, context);
  return want(params, built + furtherBatches(selection, built, params.shards.length - built), selection);
};

export default selectShards;

/** The fewest batches that reach the target if the next ones yield as the ones so far did; at least one. */
function furtherBatches(selection: Selection, built: number, allowed: number): number {
  const { taken, short_by } = selection.summary();
  const perBatch = taken / Math.max(1, built);
  return perBatch === 0 ? allowed : Math.min(allowed, Math.max(1, Math.ceil(short_by / perBatch)));
}

/** Final once the files to be given are there too; they belong to the chosen shards and cost nothing more. */
async function settle(
  params: Params,
  count: number,
  selection: Selection,
  context: ExpansionContext,
): Promise<Expansion> {
  const targets = params.shards.slice(0, count).flatMap(({ give }) => give);
  const note = { ...selection.summary(), shards: count };
  for (const target of targets) {
    if ((await context.read(target)) === undefined) return { state: "open", want: targets, note };
  }
  return { state: "final", targets, note };
}

function want(params: Params, count: number, selection: Selection): Expansion {
  const targets = params.shards.slice(0, count).map(({ shard }) => shard);
  return { state: "open", want: targets, note: selection.summary() };
}
