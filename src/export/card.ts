import { stringify } from "yaml";
import type { JsonObject } from "../graph/json.ts";
import type { ColumnType } from "./columns.ts";
import type { Dataset, ManifestHead } from "./dataset.ts";
import { featuresOf } from "./hub-features.ts";
import { termsOfModel, termsOfTokenizer } from "./terms.ts";

/** What the config says of a dataset that its manifest does not. */
export type About = {
  readonly description: string;
  readonly license: string | null;
  readonly url: string | null;
  readonly creator: string | null;
  readonly published: string | null;
  /** Where the task's tokenizers come from, by name. */
  readonly tokenizers: Readonly<Record<string, string>>;
};

/** A part of the dataset as a file. */
export interface PartFile {
  readonly part: string;
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** `README.md` of a dataset on the hub: its metadata block, and what people should know. Parts without rows are left out. */
export function card(
  { manifest, digest }: Dataset,
  about: About,
  types: ReadonlyMap<string, ColumnType>,
  files: readonly PartFile[],
): string {
  const { dataset, model, summary, simulated } = manifest;
  const block: JsonObject = {
    pretty_name: manifest.task,
    license: about.license ?? "unknown",
    size_categories: [sizeOf(dataset.rows)],
    tags: ["synthetic", "dsgen", ...(simulated ? ["simulated"] : [])],
    configs: [{ config_name: "default", data_files: files.map(({ part, path }) => ({ split: part, path })) }],
    dataset_info: {
      features: featuresOf(types),
      splits: files.map(({ part, rows }) => ({ name: part, num_examples: rows })),
      download_size: files.reduce((sum, { bytes }) => sum + bytes, 0),
    },
  };
  const tokenizers = Object.entries(about.tokenizers);
  return [
    `---\n${stringify(block, { lineWidth: 0 })}---\n`,
    `# ${manifest.task}\n`,
    ...(simulated ? [`**${SIMULATED}**\n`] : []),
    ...(about.description === "" ? [] : [`${about.description}\n`]),
    "## What is in it\n",
    `${dataset.rows} rows of ${dataset.scenarios} scenarios. A scenario's rows are in one part.\n`,
    table(
      ["part", "rows", "file"],
      files.map(({ part, rows, path }) => [part, String(rows), `\`${path}\``]),
    ),
    "## How it was made\n",
    table(
      ["", ""],
      [
        ["model", simulated ? `none: simulated in place of ${model}` : model],
        ["sampling", manifest.sampling === null ? "as the requests say" : code(JSON.stringify(manifest.sampling))],
        ["prompt", code(manifest.prompt_fingerprint)],
        ["requests answered", `${summary.answered} of ${summary.responses}`],
        ["yield", yieldOf(manifest)],
        ["failed, by check", counts(summary.failures_by_check)],
        ["duplicates left out", String(summary.duplicates)],
        ["cost", costOf(manifest)],
        ["manifest", code(`sha256:${digest}`)],
        ["dataset.jsonl", code(`sha256:${dataset.sha256}`)],
        ["dsgen", manifest.dsgen],
      ],
    ),
    "## Licence and terms\n",
    `The dataset: ${about.license ?? "not stated by its maker"}.${simulated ? "" : ` ${termsOfModel(model)}`}\n`,
    ...(tokenizers.length === 0
      ? []
      : [
          "No vocabulary is part of it, but these had a say in what is in it:\n",
          table(
            ["tokenizer", "from", "its vocabulary's licence"],
            tokenizers.map(([name, source]) => [name, code(source), termsOfTokenizer(source)]),
          ),
        ]),
    "## To make it again\n",
    "In the project it comes from, with the cache of its answers nothing is asked and the bytes are the same:\n",
    `\`\`\`sh\nnpx dsgen build ${dataset.file}\nnpx dsgen export --task ${manifest.task} --to huggingface\n\`\`\`\n`,
  ].join("\n");
}

export const SIMULATED =
  "These answers are SIMULATED: made up by dsgen itself, by no model. They are good for trying things out, not for research.";

/** `124 of 200 candidates valid (62%)`. */
export function yieldOf({ summary: { valid, invalid } }: ManifestHead): string {
  const all = valid + invalid;
  return `${valid} of ${all} candidates valid${all === 0 ? "" : ` (${Math.round((valid / all) * 100)}%)`}`;
}

function costOf({ cost_usd, simulated }: ManifestHead): string {
  if (simulated) return "nothing: simulated";
  return cost_usd === null ? "unknown" : `$${cost_usd.toFixed(2)}`;
}

export function counts(of: Readonly<Record<string, number>>): string {
  const all = Object.entries(of).map(([name, times]) => `${name} ${times}`);
  return all.length === 0 ? "none" : all.join(", ");
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
  return `${line(head)}${line(head.map(() => "---"))}${rows.map(line).join("")}`;
}

/** The hub's own ranges. */
function sizeOf(rows: number): string {
  const RANGES: readonly (readonly [number, string])[] = [
    [1e3, "n<1K"],
    [1e4, "1K<n<10K"],
    [1e5, "10K<n<100K"],
    [1e6, "100K<n<1M"],
    [1e7, "1M<n<10M"],
  ];
  return RANGES.find(([below]) => rows < below)?.[1] ?? "10M<n<100M";
}
