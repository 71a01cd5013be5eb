import type { DedupeConfig } from "../config/project-config.ts";
import { defineRecipe, type InputFile, type RecipeContext } from "../engine/recipe.ts";
import { digestStream, fingerprintOfJson } from "../graph/digest.ts";
import type { JsonObject, JsonValue } from "../graph/json.ts";
import type { EntryNames } from "../tasks/candidate.ts";
import { type DatasetCounts, parseCounts } from "../tasks/dataset-counts.ts";
import { SCENARIOS_LINE } from "../tasks/provenance.ts";
import type { TokenizerHandle } from "../tokenizers/tokenizers.ts";

/** The error code of requests that were still under way when a partial build collected the others. */
const PENDING = "dsgen_pending";

/**
 * Writes what a person needs to trust a dataset: its digest, what it was made with, what came of the candidates, what it
 * cost, and for every scenario the request and batch it came from.
 */
export default defineRecipe(async (context) => {
  const { digest, rows } = await readDataset(context.file("dataset"));
  const countsFile = context.file("counts");
  const counts = parseCounts(countsFile.name, await countsFile.text());
  const { summary: total, scenarios } = counts;
  const model = context.value<{ readonly name: string; readonly sampling: JsonObject | null }>("model");
  const provider = context.value<{ readonly namespace: string; readonly simulated: boolean }>("provider");
  const manifest = {
    v: 1,
    dataset: {
      file: context.value<string>("output"),
      sha256: digest,
      rows,
      scenarios: scenarios.taken,
      target: scenarios.target,
      short_by: scenarios.short_by,
    },
    task: context.value<string>("task"),
    simulated: total.simulated > 0 || provider.simulated,
    // Requests were still under way: a later build may find more, and other rows.
    ...((total.error_codes[PENDING] ?? 0) > 0 ? { partial: true } : {}),
    provider: provider.namespace,
    summary: {
      ...summaryForPeople(context.value<EntryNames>("names").kind, counts, rows),
      dedupe: { ...context.value<DedupeConfig>("dedupe"), duplicates: scenarios.duplicates },
      ...(counts.yield_by_axis === null ? {} : { yield_by_axis: counts.yield_by_axis }),
      buying: counts.buying,
    },
    ...counts.bill,
    model: model.name,
    sampling: model.sampling,
    prompt_fingerprint: fingerprintOfJson(context.value<JsonValue>("prompt")),
    ...(await tokenizersOf(context, counts.judged_by_tokenizers)),
    dsgen: context.value<string>("dsgen"),
  };
  // Indented, but a line a scenario: fifteen hundred of them should be readable, and diffable.
  const out = context.output();
  await out.write(`${JSON.stringify(manifest, null, 2).slice(0, -2)},\n${SCENARIOS_LINE}`);
  let separator = "\n    ";
  for await (const piece of context.file("sources").pieces()) {
    await out.write(separator);
    await out.write(joined(piece, NEXT));
    separator = NEXT;
  }
  await out.write("\n  ]\n}\n");
});

const NEXT = ",\n    ";

/** Whole lines without the last one's end, with something else between them. As bytes: what they say is not looked at. */
function joined({ buffer, byteOffset, length }: Uint8Array, separator: string): Uint8Array {
  const lines = Buffer.from(buffer, byteOffset, length - 1).toString("latin1");
  return Buffer.from(lines.replaceAll("\n", separator), "latin1");
}

function summaryForPeople(
  kind: EntryNames["kind"],
  { shards, summary: total, scenarios }: DatasetCounts,
  rows: number,
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
    duplicates: scenarios.duplicates,
    success_rate: total.candidates === 0 ? null : Math.round((total.valid / total.candidates) * 1e4) / 1e4,
    scenarios: scenarios.taken,
    target: scenarios.target,
    short_by: scenarios.short_by,
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
