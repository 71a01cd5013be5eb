import type { DedupeConfig, ModelConfig } from "../config/project-config.ts";
import { defineRecipe, type InputFile } from "../engine/recipe.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import { kindOf } from "../kinds/registry.ts";
import { validEntries, validEntriesOfAll } from "../kinds/shard.ts";
import { AxisTally } from "../tasks/axes.ts";
import { Bill } from "../tasks/bill.ts";
import { buy, YieldMeter } from "../tasks/buying.ts";
import type { EntryNames } from "../tasks/candidate.ts";
import type { DatasetCounts } from "../tasks/dataset-counts.ts";
import { Provenance } from "../tasks/provenance.ts";
import { Selection } from "../tasks/select.ts";
import { addSummaries, emptySummary, parseSummary } from "../tasks/shard-summary.ts";

/** How the task buys its batches. */
type BuyingConfig = {
  readonly strategy: string;
  readonly first: number;
  readonly max_batches: number;
  readonly max_cost: number | null;
  readonly confidence: number;
};

/**
 * Goes through the chosen shards as the dataset does, and beside it: a line for each scenario says where it came from, and the
 * counts what came of all candidates and what their answers cost.
 */
export default defineRecipe(async (context) => {
  const names = context.value<EntryNames>("names");
  const price = context.value<ModelConfig | null>("price");
  const config = context.value<BuyingConfig>("buying");
  const axes = context.value<readonly string[]>("axes");
  const kind = kindOf(names);
  const target = await kind.wanted(context);
  const selection = new Selection(target, context.value<DedupeConfig>("dedupe"), names.fields);
  const meter = new YieldMeter(selection, price);
  const tally = new AxisTally(axes);
  const bill = new Bill(price);
  const provenance = new Provenance();
  const out = context.output(0);
  let judged = false;
  let total = emptySummary();
  const files = context.files("shards");
  if (selection.foresees) await selection.foresee(validEntriesOfAll(files, names));
  const of = (input: string) => context.files(input);
  const [summaries, allSources, allAxes] = [of("summaries"), of("sources"), of("axes of requests")];
  for (const [at, shard] of files.entries()) {
    const [summaryFile, sources, axesFile] = [summaries[at], allSources[at], allAxes[at]];
    if (summaryFile === undefined || sources === undefined || axes.length > 0 !== (axesFile !== undefined))
      throw new Error("a shard lacks a file");
    const summary = parseSummary(summaryFile.name, await summaryFile.text());
    total = addSummaries(total, summary);
    const batches = await linesByRequest(sources);
    if (axesFile !== undefined) tally.requests((await linesByRequest(axesFile)).values());
    const entries = validEntries(shard, names, {
      ...(axes.length > 0 ? { askedBy: true } : {}),
      invalid: (requestId) => {
        tally.candidate(requestId, false);
        selection.skipInvalid();
      },
      valid: (requestId, byTokens) => {
        tally.candidate(requestId, true);
        judged ||= byTokens;
      },
    });
    const used = new Set<string>();
    await meter.add(summary, entries, ({ line: { from } }) => {
      const { request_id } = from;
      if (request_id !== null) used.add(request_id);
      const batchId = (request_id === null ? undefined : batches.get(request_id))?.["batch_id"] ?? null;
      return out.write(provenance.line(from, { shard: shard.name, batchId, axes: tally.taken(request_id) }));
    });
    for (const [id, source] of batches) bill.add(source, used.has(id));
  }
  selection.close();
  const { first, max_batches: maxBatches, max_cost: maxCostUsd, confidence, strategy } = config;
  const goal = { target, confidence, maxBatches, maxCostUsd };
  const reason = kind.takesAll ?? buy(meter.prefixes, goal, first, selection.complete).reason;
  const { taken, short_by, duplicates } = selection.summary();
  const counts: DatasetCounts = {
    v: 1,
    shards: files.length,
    summary: total,
    scenarios: { target, taken, short_by, duplicates },
    judged_by_tokenizers: judged,
    yield_by_axis: axes.length === 0 ? null : tally.table(),
    buying: { strategy, batches: files.length, max_batches: maxBatches, reason },
    bill: bill.summary(),
  };
  await context.output(1).write(`${JSON.stringify(counts, null, 2)}\n`);
});

/** A side file's lines by the request they speak of. */
async function linesByRequest(file: InputFile): Promise<ReadonlyMap<string, JsonObject>> {
  const lines = new Map<string, JsonObject>();
  for await (const line of file.lines()) {
    const parsed: unknown = JSON.parse(line);
    if (isJsonObject(parsed) && typeof parsed["request_id"] === "string") lines.set(parsed["request_id"], parsed);
  }
  return lines;
}
