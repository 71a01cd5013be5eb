import { costOf, type Price } from "../batch/money.ts";
import type { ModelConfig } from "../config/project-config.ts";
import { defineRecipe, type InputFile, type RecipeContext } from "../engine/recipe.ts";
import { digestOf, fingerprintOfJson } from "../graph/digest.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { ProblemError } from "../graph/problem.ts";
import type { PairNames } from "../tasks/candidate.ts";
import type { DedupeBy } from "../tasks/dedupe.ts";
import { Selection, selectScenarios } from "../tasks/select.ts";
import { readShard } from "../tasks/shard.ts";
import { addSummaries, emptySummary, readSummary, type ShardSummary } from "../tasks/shard-summary.ts";
import type { EncoderSpec } from "../tokenizers/encoder.ts";

/**
 * Writes what a person needs to trust a dataset: its digest, what it was made with, what came of the candidates, what it
 * cost, and for every scenario the request and batch it came from.
 */
export default defineRecipe(async (context) => {
  const dataset = await context.file("dataset").bytes();
  const perShard = chunk(context.files("shards"), 3).map(([shard, summary, sources]) => ({ shard, summary, sources }));
  const summaries: ShardSummary[] = [];
  const batches = new Map<string, JsonObject>();
  for (const { summary, sources } of perShard) {
    summaries.push(await summaryOf(summary));
    for await (const line of sources.lines()) {
      const source: unknown = JSON.parse(line);
      if (isJsonObject(source) && typeof source["request_id"] === "string") batches.set(source["request_id"], source);
    }
  }
  const total = summaries.reduce(addSummaries, emptySummary());
  const { scenarios, selection } = await scenariosOf(
    context,
    perShard.map(({ shard }) => shard),
    batches,
  );
  const model = context.value<{ readonly name: string; readonly sampling: JsonObject }>("model");
  const provider = context.value<{ readonly namespace: string; readonly simulated: boolean }>("provider");
  const manifest = {
    v: 1,
    dataset: {
      file: context.value<string>("output"),
      sha256: digestOf(dataset),
      rows: countLines(dataset),
      scenarios: scenarios.length,
      target: selection.target,
      short_by: selection.short_by,
    },
    task: context.value<string>("task"),
    simulated: total.simulated > 0 || provider.simulated,
    provider: provider.namespace,
    summary: summaryForPeople(total, selection, countLines(dataset), perShard.length),
    tokens: {
      input: total.usage.prompt_tokens,
      cached_input: total.usage.cached_tokens,
      output: total.usage.completion_tokens,
    },
    cost_usd: costOfBatches(total, context.value<ModelConfig | null>("price")),
    model: model.name,
    sampling: model.sampling,
    prompt_fingerprint: fingerprintOfJson(context.value<JsonValue>("prompt")),
    tokenizers: await fingerprintsOf(context),
    dsgen: context.value<string>("dsgen"),
    scenarios,
  };
  await context.output().write(`${oneScenarioALine(manifest)}\n`);
});

async function scenariosOf(
  context: RecipeContext,
  files: readonly InputFile[],
  batches: ReadonlyMap<string, JsonObject>,
) {
  const pair = context.value<PairNames>("pair");
  const selection = new Selection(
    context.value<number>("target_scenarios"),
    context.value<{ by: DedupeBy }>("dedupe").by,
  );
  const scenarios: JsonObject[] = [];
  const shards = files.map((file) => readShard(file.lines(), file.name, pair));
  for await (const { scenarioId, shard, line } of selectScenarios(shards, selection)) {
    const { custom_id, request_id, index } = line.from;
    const source = request_id === null ? undefined : batches.get(request_id);
    scenarios.push({
      scenario_id: scenarioId,
      shard: files[shard]?.name ?? "",
      custom_id,
      request_id,
      batch_id: source?.["batch_id"] ?? null,
      entry: index,
    });
  }
  return { scenarios, selection: selection.summary() };
}

async function summaryOf(file: InputFile): Promise<ShardSummary> {
  const summary = readSummary(JSON.parse(await file.text()));
  if (summary.ok) return summary.value;
  throw new ProblemError({
    kind: "corrupt",
    where: file.name,
    message: `${summary.error}.`,
    fix: "Build it again; it costs nothing.",
  });
}

function summaryForPeople(
  total: ShardSummary,
  selection: ReturnType<Selection["summary"]>,
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
    pairs: total.candidates,
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

/** Null when the model's price is not known, never zero. */
function costOfBatches(total: ShardSummary, model: ModelConfig | null): number | null {
  const price: Price | undefined =
    model === null
      ? undefined
      : {
          inputPerMtok: model.input_usd_per_mtok,
          cachedInputPerMtok: model.cached_input_usd_per_mtok,
          outputPerMtok: model.output_usd_per_mtok,
          batchFactor: 1 - model.batch_discount,
        };
  const usage = {
    input: total.usage.prompt_tokens,
    cachedInput: total.usage.cached_tokens,
    output: total.usage.completion_tokens,
  };
  const cost = costOf(usage, price, true);
  return cost === null ? null : Math.round(cost * 1e6) / 1e6;
}

async function fingerprintsOf(context: RecipeContext): Promise<Record<string, string>> {
  const prints: Record<string, string> = {};
  for (const name of context.value<readonly string[]>("tokenizers")) {
    prints[name] = (await context.tool<EncoderSpec>(`tokenizer ${name}`)).hash;
  }
  return prints;
}

function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) if (byte === 10) count++;
  return count;
}

/** Indented JSON, but a line a scenario: fifteen hundred of them should be readable, and diffable. */
function oneScenarioALine(manifest: { readonly scenarios: readonly JsonObject[] }): string {
  const { scenarios, ...rest } = manifest;
  const head = JSON.stringify(rest, null, 2).slice(0, -2);
  const lines = scenarios.map((scenario) => `    ${JSON.stringify(scenario)}`).join(",\n");
  return `${head},\n  "scenarios": [\n${lines}\n  ]\n}`;
}

function chunk(files: readonly InputFile[], size: 3): [InputFile, InputFile, InputFile][] {
  const chunks: [InputFile, InputFile, InputFile][] = [];
  for (let i = 0; i < files.length; i += size) {
    const [shard, summary, sources] = files.slice(i, i + size);
    if (shard === undefined || summary === undefined || sources === undefined) throw new Error("a shard lacks a file");
    chunks.push([shard, summary, sources]);
  }
  return chunks;
}
