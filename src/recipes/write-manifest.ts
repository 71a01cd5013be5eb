import type { DedupeConfig, ModelConfig } from "../config/project-config.ts";
import { defineRecipe, type InputFile, type RecipeContext } from "../engine/recipe.ts";
import { digestStream, fingerprintOfJson } from "../graph/digest.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { kindOf } from "../kinds/registry.ts";
import { validEntries, validEntriesOfAll } from "../kinds/shard.ts";
import { type AxisTable, AxisTally } from "../tasks/axes.ts";
import { Bill } from "../tasks/bill.ts";
import { buy, YieldMeter } from "../tasks/buying.ts";
import type { EntryNames } from "../tasks/candidate.ts";
import { Provenance, SCENARIOS_LINE } from "../tasks/provenance.ts";
import { Selection, type SelectionSummary } from "../tasks/select.ts";
import { addSummaries, emptySummary, parseSummary, type ShardSummary } from "../tasks/shard-summary.ts";
import type { TokenizerHandle } from "../tokenizers/tokenizers.ts";

/** How the task buys its batches. */
type BuyingConfig = {
  readonly strategy: string;
  readonly first: number;
  readonly max_batches: number;
  readonly max_cost: number | null;
  readonly confidence: number;
};

/** The error code of requests that were still under way when a partial build collected the others. */
const PENDING = "dsgen_pending";

/**
 * Writes what a person needs to trust a dataset: its digest, what it was made with, what came of the candidates, what it
 * cost, and for every scenario the request and batch it came from.
 */
export default defineRecipe(async (context) => {
  const dataset = await readDataset(context.file("dataset"));
  const model = context.value<{ readonly name: string; readonly sampling: JsonObject | null }>("model");
  const provider = context.value<{ readonly namespace: string; readonly simulated: boolean }>("provider");
  const price = context.value<ModelConfig | null>("price");
  const read = await readShards(context, price);
  const { total, selection } = read;
  const { rows } = dataset;
  const manifest = {
    v: 1,
    dataset: {
      file: context.value<string>("output"),
      sha256: dataset.digest,
      rows,
      scenarios: read.provenance.size,
      target: selection.target,
      short_by: selection.short_by,
    },
    task: context.value<string>("task"),
    simulated: total.simulated > 0 || provider.simulated,
    // Requests were still under way: a later build may find more, and other rows.
    ...((total.error_codes[PENDING] ?? 0) > 0 ? { partial: true } : {}),
    provider: provider.namespace,
    summary: {
      ...summaryForPeople(context.value<EntryNames>("names").kind, total, selection, rows, read.shards),
      dedupe: { ...context.value<DedupeConfig>("dedupe"), duplicates: selection.duplicates },
      ...(read.axes === undefined ? {} : { yield_by_axis: read.axes }),
      buying: read.buying,
    },
    ...read.bill.summary(),
    model: model.name,
    sampling: model.sampling,
    prompt_fingerprint: fingerprintOfJson(context.value<JsonValue>("prompt")),
    ...(await tokenizersOf(context, read.judged)),
    dsgen: context.value<string>("dsgen"),
  };
  // Indented, but a line a scenario: fifteen hundred of them should be readable, and diffable.
  const out = context.output();
  await out.write(`${JSON.stringify(manifest, null, 2).slice(0, -2)},\n${SCENARIOS_LINE}`);
  let separator = "\n";
  for (const scenario of read.provenance.lines()) {
    await out.write(`${separator}    ${scenario}`);
    separator = ",\n";
  }
  read.provenance.close();
  await out.write("\n  ]\n}\n");
});

interface ReadShards {
  readonly shards: number;
  readonly total: ShardSummary;
  readonly selection: SelectionSummary;
  readonly provenance: Provenance;
  readonly bill: Bill;
  /** Whether tokenizers had a say in what the dataset holds. */
  readonly judged: boolean;
  /** Absent for tasks without axes. */
  readonly axes: AxisTable | undefined;
  readonly buying: JsonObject;
}

/** Goes through the chosen shards once more, as the dataset did, and notes where everything came from. */
async function readShards(context: RecipeContext, price: ModelConfig | null): Promise<ReadShards> {
  const names = context.value<EntryNames>("names");
  const config = context.value<BuyingConfig>("buying");
  const axes = context.value<readonly string[]>("axes");
  const kind = kindOf(names);
  const target = await kind.wanted(context);
  const selection = new Selection(target, context.value<DedupeConfig>("dedupe"), names.fields);
  const meter = new YieldMeter(selection, price);
  const tally = new AxisTally(axes);
  const bill = new Bill(price);
  const provenance = new Provenance();
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
      const source = request_id === null ? undefined : batches.get(request_id);
      provenance.add(from, {
        shard: shard.name,
        batchId: source?.["batch_id"] ?? null,
        axes: tally.taken(request_id),
      });
    });
    for (const [id, source] of batches) bill.add(source, used.has(id));
  }
  selection.close();
  const { first, max_batches: maxBatches, max_cost: maxCostUsd, confidence, strategy } = config;
  const goal = { target, confidence, maxBatches, maxCostUsd };
  const reason = kind.takesAll ?? buy(meter.prefixes, goal, first, selection.complete).reason;
  return {
    shards: files.length,
    total,
    selection: selection.summary(),
    provenance,
    bill,
    judged,
    axes: axes.length === 0 ? undefined : tally.table(),
    buying: { strategy, batches: files.length, max_batches: maxBatches, reason },
  };
}

/** A side file's lines by the request they speak of. */
async function linesByRequest(file: InputFile): Promise<ReadonlyMap<string, JsonObject>> {
  const lines = new Map<string, JsonObject>();
  for await (const line of file.lines()) {
    const parsed: unknown = JSON.parse(line);
    if (isJsonObject(parsed) && typeof parsed["request_id"] === "string") lines.set(parsed["request_id"], parsed);
  }
  return lines;
}

function summaryForPeople(
  kind: EntryNames["kind"],
  total: ShardSummary,
  selection: SelectionSummary,
  rows: number,
  shards: number,
) {
  return {
    shards,
    responses: total.responses,
    answered: total.answered,
    errors: total.errors,
    error_codes: total.error_codes,
    response_problems: total.response_problems,
    [kind]: total.candidates,
    malformed_entries: total.malformed_entries,
    valid: total.valid,
    invalid: total.candidates - total.valid,
    failures_by_check: total.failed_checks,
    failures_by_reason: total.failed_reasons,
    failures_by_tokenizer: total.failed_tokenizers,
    failures_by_variant: total.failed_variants,
    duplicates: selection.duplicates,
    success_rate: total.candidates === 0 ? null : Math.round((total.valid / total.candidates) * 1e4) / 1e4,
    scenarios: selection.taken,
    target: selection.target,
    short_by: selection.short_by,
    rows,
  };
}

/** Their fingerprints, and what is not proven of those that were used all the same: verdicts by them may be wrong. */
async function tokenizersOf(context: RecipeContext, judged: boolean): Promise<JsonObject> {
  const tokenizers: Record<string, string> = {};
  const unproven: Record<string, readonly string[]> = {};
  for (const name of context.value<readonly string[]>("tokenizers")) {
    const handle = await context.tool<TokenizerHandle>(`tokenizer ${name}`);
    tokenizers[name] = handle.hash;
    if (judged && handle.unproven.length > 0) unproven[name] = handle.unproven;
  }
  return Object.keys(unproven).length === 0 ? { tokenizers } : { tokenizers, unproven_tokenizers: unproven };
}

async function readDataset(file: InputFile): Promise<{ readonly digest: string; readonly rows: number }> {
  const hash = digestStream();
  let rows = 0;
  for await (const piece of file.pieces()) {
    if (file.digest === undefined) hash.update(piece);
    for (let at = piece.indexOf(NEWLINE); at !== -1; at = piece.indexOf(NEWLINE, at + 1)) rows++;
  }
  return { digest: file.digest ?? hash.end(), rows };
}

const NEWLINE = 0x0a;
