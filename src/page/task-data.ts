import type { DedupeConfig } from "../config/project-config.ts";
import type { RecipeContext } from "../engine/recipe.ts";
import { kindOf } from "../kinds/registry.ts";
import { readShard } from "../kinds/shard.ts";
import type { EntryNames, ShardLine } from "../tasks/candidate.ts";
import type { Manifest } from "../tasks/manifest.ts";
import { type Counts, parseSummary } from "../tasks/shard-summary.ts";
import type { Variant } from "../tokenizers/variant.ts";
import type { JobFacts } from "./facts.ts";
import { type FailureCount, Failures, Histograms, type Series } from "./tally.ts";

/*
 * What a report tells of one task, counted from its manifest and its shards. The counts add up to the manifest's.
 */

/** What `targets/` says of a task. */
export type ReportTask = {
  readonly task: string;
  readonly names: EntryNames;
  readonly variants: readonly Variant[];
  readonly dedupe: DedupeConfig;
};

/** What became of a candidate. `unneeded` ones are valid and come after the last that the dataset needs. */
export type Fate = "taken" | "duplicate" | "unneeded" | "invalid";

/** One shard, and what became of its candidates. */
export interface BatchCount extends Readonly<Record<Fate, number>> {
  readonly shard: string;
  readonly requests: number;
  readonly answered: number;
}

/** One step from requests to scenarios: how many are left, and why others are not. */
export interface FunnelStep {
  readonly name: string;
  readonly count: number;
  readonly lost: Counts;
}

export interface TaskData {
  readonly task: ReportTask;
  readonly manifest: Manifest;
  readonly funnel: readonly FunnelStep[];
  readonly batches: readonly BatchCount[];
  readonly failures: readonly FailureCount[];
  /** How long the dataset's texts are: in tokens where tokenizers judge them, else in characters. */
  readonly lengths: readonly Series[];
  readonly lengthUnit: "tokens" | "characters";
  /** Where the one token that differs lies, in tenths of the text. Empty for kinds without tokens. */
  readonly places: readonly Series[];
  /** Valid entries that came more than once, the commonest first. */
  readonly repeated: readonly { readonly texts: readonly string[]; readonly times: number }[];
  readonly facts: JobFacts;
}

/** A candidate with what became of it, for whoever chooses a sample. */
export interface SeenLine {
  readonly line: ShardLine;
  readonly fate: Fate;
  readonly shard: string;
  readonly scenarioId: number | null;
}

/** Repeated entries that are shown. */
const SHOWN_REPEATED = 12;

/** Reads one task's manifest and shards. @param see is given every candidate once, in order */
export async function readTask(
  context: RecipeContext,
  task: ReportTask,
  see: (seen: SeenLine) => void,
): Promise<TaskData> {
  const manifest: Manifest = JSON.parse(await context.file(`manifest ${task.task}`).text());
  const taken = new Map(manifest.scenarios.map((of) => [`${of.shard} ${of.custom_id} ${of.entry}`, of.scenario_id]));
  const last = manifest.scenarios.length - 1;
  const complete = manifest.dataset.short_by === 0;
  const batches: BatchCount[] = [];
  const failures = new Failures();
  const lengths = new Histograms();
  const places = new Histograms();
  const times = new Map<string, number>();
  let needed = true;
  const summaries = context.files(`summaries ${task.task}`);
  for (const [at, shard] of context.files(`shards ${task.task}`).entries()) {
    const counts = summaries[at];
    if (counts === undefined) throw new Error("a shard lacks its counts");
    const { responses: requests, answered } = parseSummary(counts.name, await counts.text());
    const fates: Record<Fate, number> = { taken: 0, duplicate: 0, unneeded: 0, invalid: 0 };
    for await (const line of readShard(shard.lines(), shard.name, task.names)) {
      const id = taken.get(`${shard.name} ${line.from.custom_id} ${line.from.index}`);
      const fate = !line.valid ? "invalid" : id !== undefined ? "taken" : needed ? "duplicate" : "unneeded";
      fates[fate]++;
      see({ line, fate, shard: shard.name, scenarioId: id ?? null });
      if (!line.valid) failures.add(line.failed);
      else if (needed) {
        const key = JSON.stringify(line.texts);
        times.set(key, (times.get(key) ?? 0) + 1);
      }
      if (id === undefined) continue;
      measure(line, task, lengths, places);
      if (complete && id === last) needed = false;
    }
    batches.push({ shard: shard.name, requests, answered, ...fates });
  }
  const repeated = [...times]
    .filter(([, count]) => count > 1)
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .slice(0, SHOWN_REPEATED)
    .map(([key, count]): TaskData["repeated"][number] => ({ texts: JSON.parse(key), times: count }));
  return {
    task,
    manifest,
    funnel: funnelOf(manifest, task, batches),
    batches,
    failures: failures.counts(),
    lengths: lengths.series(),
    lengthUnit: places.isEmpty ? "characters" : "tokens",
    places: places.series(),
    repeated,
    facts: await context.tool<JobFacts>(`jobs ${task.task}`),
  };
}

function measure({ texts, tokens }: ShardLine, { names }: ReportTask, lengths: Histograms, places: Histograms): void {
  const judged = Object.entries(tokens);
  if (judged.length === 0) {
    for (const [at, field] of names.fields.entries()) lengths.add("", field, [...(texts[at] ?? "")].length);
    return;
  }
  for (const [variant, row] of judged) {
    for (const [tokenizer, [first, , different]] of Object.entries(row)) {
      lengths.add(variant, tokenizer, first);
      const [place] = different ?? [];
      if (place !== undefined) places.add(variant, tokenizer, Math.min(9, Math.floor((place / first) * 10)));
    }
  }
}

function funnelOf(manifest: Manifest, { names }: ReportTask, batches: readonly BatchCount[]): readonly FunnelStep[] {
  const { summary } = manifest;
  const sum = (counts: Counts) => Object.values(counts).reduce((all, one) => all + one, 0);
  const read = summary.answered - sum(summary.response_problems);
  const candidates = summary.valid + summary.invalid;
  const unneeded = batches.reduce((all, batch) => all + batch.unneeded, 0);
  const rest = (why: string, count: number): Counts => (count === 0 ? {} : { [why]: count });
  const { made } = kindOf(names).words;
  return [
    { name: "requests", count: summary.responses, lost: {} },
    { name: "answers", count: summary.answered, lost: summary.error_codes },
    { name: "answers read", count: read, lost: summary.response_problems },
    { name: made, count: candidates, lost: summary.malformed_entries },
    { name: "valid", count: summary.valid, lost: rest("failed a check", summary.invalid) },
    {
      name: "in the dataset",
      count: summary.scenarios,
      lost: { ...rest("duplicate", summary.duplicates), ...rest("not needed any more", unneeded) },
    },
  ];
}
