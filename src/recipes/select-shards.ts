import type { DedupeConfig, ModelConfig } from "../config/project-config.ts";
import type { JsonObject } from "../graph/json.ts";
import type { TargetName } from "../graph/names.ts";
import { ProblemError } from "../graph/problem.ts";
import type { Expansion, ExpansionContext, ExpansionModule } from "../graph/target.ts";
import { EntryReader } from "../kinds/shard.ts";
import { type Buying, buy, YieldMeter } from "../tasks/buying.ts";
import type { Entry, EntryNames } from "../tasks/candidate.ts";
import { Selection } from "../tasks/select.ts";
import { parseSummary } from "../tasks/shard-summary.ts";

/** What `targets/` tells this module: the task's shards in index order, and how the dataset is chosen from them. */
type Params = {
  /** `give`: the files the target is to be made from, of each shard that counts, by the input that takes them. */
  readonly shards: readonly {
    readonly shard: TargetName;
    readonly summary: TargetName;
    readonly give: Readonly<Record<string, readonly TargetName[]>>;
  }[];
  readonly names: EntryNames;
  readonly target_scenarios: number;
  readonly dedupe: DedupeConfig;
  /** Batches of the first round. */
  readonly first: number;
  readonly confidence: number;
  readonly max_cost: number | null;
  readonly price: ModelConfig | null;
};

/**
 * Decides how many shards a dataset needs. Shards count in index order: once shards 0..k hold enough, the dataset is
 * final, whatever the later ones do; only a gap in that order waits. When all that were wanted are there and do not
 * suffice, more are wanted, as the measured yield calls for and as far as `max_batches` and `max_cost` go.
 */
const selectShards: ExpansionModule = async (context): Promise<Expansion> => {
  // The parameters are what targets/ wrote, checked by the config's schema.
  const params = context.params as JsonObject & Params;
  // Shards that were counted when this was asked before are not read again.
  const counted = context.kept(() => {
    const selection = new Selection(params.target_scenarios, params.dedupe, params.names.fields);
    return { selection, meter: new YieldMeter(selection, params.price), shards: 0 };
  });
  const { selection, meter } = counted;
  const { foresees } = selection;
  const rest = params.shards.slice(counted.shards);
  const next = foresees ? shardsThere(context, rest) : rest;
  if (foresees) await selection.foresee(entriesOfAll(context, next, params.names));
  for (const { shard, summary } of next) {
    if (selection.complete) break;
    const counts = await context.read(summary);
    const bytes = foresees ? await readAgain(context, shard) : await context.read(shard);
    if (bytes === undefined || counts === undefined) break;
    await meter.add(
      parseSummary(summary, Buffer.from(counts).toString("utf8")),
      entriesOf(bytes, shard, params.names, () => selection.skipInvalid()),
    );
    counted.shards++;
  }
  const goal = {
    target: params.target_scenarios,
    confidence: params.confidence,
    maxBatches: params.shards.length,
    maxCostUsd: params.max_cost,
  };
  const buying = buy(meter.prefixes, goal, params.first, selection.complete);
  const note = noteOf(selection, meter, buying);
  if (buying.kind === "want") return want(params, buying.batches, note);
  const settled = settle(params, buying.batches, note, context);
  if (settled.state === "final") selection.close();
  return settled;
};

export default selectShards;

type Shards = Params["shards"];

/** Those up to the first that is not there. A shard and its summary are made together, and the summary is the smaller. */
function shardsThere(context: ExpansionContext, shards: Shards): Shards {
  for (const [at, { summary }] of shards.entries()) if (!context.has(summary)) return shards.slice(0, at);
  return shards;
}

async function* entriesOfAll(context: ExpansionContext, shards: Shards, names: EntryNames): AsyncGenerator<Entry> {
  for (const { shard } of shards) yield* entriesOf(await readAgain(context, shard), shard, names, () => {});
}

/** A shard that was there a moment ago: a build puts files in place, and takes none away. */
async function readAgain(context: ExpansionContext, name: TargetName): Promise<Uint8Array> {
  const bytes = await context.read(name);
  if (bytes !== undefined) return bytes;
  const message = "it was taken away while its scenarios were counted.";
  throw new ProblemError({ kind: "io", where: name, message, fix: "Build again." });
}

function entriesOf(bytes: Uint8Array, name: string, names: EntryNames, invalid: () => void): Iterable<Entry> {
  return new EntryReader(name, names, { invalid }).of(bytes);
}

function noteOf(selection: Selection, meter: YieldMeter, buying: Buying): JsonObject {
  const measured = meter.prefixes.at(-1);
  return {
    ...selection.summary(),
    shards: buying.batches,
    measured_batches: measured?.batches ?? 0,
    measured_valid: measured?.valid ?? 0,
    measured_cost_usd: measured?.costUsd ?? null,
    reason: buying.reason,
  };
}

/** Final once the files to be given are there too; they belong to the chosen shards and cost nothing more. */
function settle(params: Params, count: number, note: JsonObject, context: ExpansionContext): Expansion {
  const given = params.shards.slice(0, count).map(({ give }) => give);
  const all = given.flatMap((give) => Object.values(give).flat());
  if (!all.every((target) => context.has(target))) return { state: "open", want: all, note };
  const parts = Object.keys(params.shards[0]?.give ?? {});
  const targets = Object.fromEntries(parts.map((part) => [part, given.flatMap((give) => give[part] ?? [])]));
  return { state: "final", targets, note };
}

function want(params: Params, count: number, note: JsonObject): Expansion {
  return { state: "open", want: params.shards.slice(0, count).map(({ shard }) => shard), note };
}
