import { createHash } from "node:crypto";
import { kindOf } from "../kinds/registry.ts";
import { count, money, percent } from "../report/format.ts";
import type { GraphLine } from "../report/result-schema.ts";
import { costSection, jobSection } from "./cost-sections.ts";
import { diagram } from "./diagram.ts";
import { Html, html, jsonInHtml, NOTHING } from "./html.ts";
import type { SampleRow } from "./sample.ts";
import { SCRIPT } from "./script.ts";
import { axisSection, batchSection, duplicateSection, funnelSection } from "./sections.ts";
import { STYLE } from "./style.ts";
import type { TaskData } from "./task-data.ts";
import { failureSection, lengthSection, placeSection } from "./token-sections.ts";

/*
 * A report as one HTML file. Texts of models are in it as text: escaped in the markup, and in a JSON element that the page's script
 * writes out with `textContent`. Were there a hole, the policy in its head would run nothing but that script, and load nothing.
 */

export interface TaskPart {
  readonly data: TaskData;
  readonly rows: readonly SampleRow[];
}

/** The page about some tasks, and the graph of what they are made from. The same for the same values, to the byte. */
export async function page(parts: readonly TaskPart[], graph: readonly GraphLine[]): Promise<string> {
  const files = parts.map(({ data }) => data.manifest.dataset.file);
  const title = files.length === 1 ? (files[0] ?? "") : `${files.length} datasets`;
  const simulated = parts.filter(({ data }) => data.manifest.simulated).map(({ data }) => data.task.task);
  const body = html`<body>
<a class="skip" href="#main">Skip to the content</a>
${banner(simulated, parts.length)}${partialBanner(parts)}
<header><h1>${title}</h1>
<p class="muted">${files.length === 1 ? subtitle(parts[0]) : files.join(", ")}</p>
<nav aria-label="Parts of this page"><ul>${links(parts)}</ul></nav></header>
<main id="main">
${parts.map((part, at) => taskPart(part, at, parts.length > 1))}
<h2 id="graph">What is made from what</h2>
${await diagram(graph)}
</main>
<footer>Made by dsgen ${parts[0]?.data.manifest.dsgen ?? ""} from the manifests, the shards and the journal. This page loads nothing and sends nothing.</footer>
<script>${new Html(SCRIPT)}</script>
</body>`;
  return `<!doctype html>\n${html`<html lang="en">${head(title)}${body}</html>`.text}\n`;
}

function head(title: string): Html {
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(SCRIPT)}'`,
    `style-src '${hashOf(STYLE)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return html`<head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>${title} · dsgen report</title><style>${new Html(STYLE)}</style></head>`;
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

function banner(simulated: readonly string[], tasks: number): Html {
  if (simulated.length === 0) return NOTHING;
  const whose = simulated.length === tasks ? "These answers are" : `The answers of ${simulated.join(", ")} are`;
  return html`<p class="banner" role="note">${whose} SIMULATED: made up by dsgen itself. Good for trying things out, not for research.</p>`;
}

function partialBanner(parts: readonly TaskPart[]): Html {
  if (!parts.some(({ data }) => data.manifest.partial === true)) return NOTHING;
  return html`<p class="banner" role="note">PARTIAL: some requests were still under way.</p>`;
}

function subtitle(part: TaskPart | undefined): string {
  if (part === undefined) return "";
  const { manifest, task } = part.data;
  const { entries } = kindOf(task.names).words;
  return `${count(manifest.dataset.scenarios)} ${entries} for the task ${task.task}, asked of ${manifest.model}`;
}

const SECTIONS = [
  ["funnel", "From requests to the dataset", funnelSection],
  ["batches", "Yield by batch", batchSection],
  ["axes", "Yield by axis", axisSection],
  ["failures", "What failed", failureSection],
  ["lengths", "Length", lengthSection],
  ["places", "Where the difference lies", placeSection],
  ["duplicates", "Duplicates", duplicateSection],
  ["cost", "Cost", costSection],
  ["jobs", "Batch jobs over time", jobSection],
] as const;

/** Those that have something to say of a task. */
function sectionsOf({ manifest, places }: TaskData): (typeof SECTIONS)[number][] {
  const absent = new Set<string>([
    ...(manifest.summary.yield_by_axis === undefined ? ["axes"] : []),
    ...(places.length === 0 ? ["places"] : []),
  ]);
  return SECTIONS.filter(([id]) => !absent.has(id));
}

function links(parts: readonly TaskPart[]): readonly Html[] {
  const graph = html`<li><a href="#graph">What is made from what</a></li>`;
  const [only] = parts;
  if (parts.length > 1 || only === undefined) {
    return [...parts.map(({ data }, at) => html`<li><a href="#task${at}">${data.task.task}</a></li>`), graph];
  }
  const own = sectionsOf(only.data).map(([id, name]) => html`<li><a href="#${id}0">${name}</a></li>`);
  return [...own, html`<li><a href="#sample0">Sample</a></li>`, graph];
}

function taskPart({ data, rows }: TaskPart, at: number, several: boolean): Html {
  const { manifest, task } = data;
  const words = kindOf(task.names).words;
  const heading = several
    ? html`<h2 id="task${at}">${task.task}</h2><p class="muted">${subtitle({ data, rows })}: ${manifest.dataset.file}</p>`
    : NOTHING;
  const title = (id: string, name: string) =>
    several ? html`<h3 id="${id}${at}">${name}</h3>` : html`<h2 id="${id}${at}">${name}</h2>`;
  const parts = sectionsOf(data).map(([id, name, write]) => html`<section>${title(id, name)}${write(data)}</section>`);
  return html`${heading}${tiles(data)}${parts}
<section>${title("sample", "Sample")}${sample(rows, at, words.entries)}</section>
<section>${title("made", "Made with")}${madeWith(data)}</section>`;
}

function tiles({ manifest, task }: TaskData): Html {
  const { summary, dataset } = manifest;
  const { entries, rows } = kindOf(task.names).words;
  const candidates = summary.valid + summary.invalid;
  const short =
    dataset.short_by > 0
      ? `${count(dataset.short_by)} short of ${count(dataset.target)}`
      : `of ${count(dataset.target)} wanted`;
  const all: readonly (readonly [name: string, value: string, more: string])[] = [
    [entries, count(dataset.scenarios), short],
    [
      `yield`,
      candidates === 0 ? "–" : percent(summary.valid / candidates),
      `${count(summary.valid)} of ${count(candidates)} valid`,
    ],
    ["answers", count(summary.answered), `of ${count(summary.responses)} requests`],
    [rows, count(dataset.rows), dataset.file],
    ["cost", money(manifest.cost_usd), manifest.simulated ? "had it been real" : manifest.model],
  ];
  return html`<dl class="tiles">${all.map(([name, value, more]) => html`<div><dt>${name}</dt><dd>${value}<small>${more}</small></dd></div>`)}</dl>`;
}

function sample(rows: readonly SampleRow[], at: number, entries: string): Html {
  const reasons = [...new Set(rows.flatMap(({ fate, why }) => (fate === "invalid" ? why : [])))].sort();
  const fates = [
    ["taken", `in the dataset`],
    ["duplicate", "duplicates"],
    ["unneeded", "valid, not needed"],
    ["invalid", "failed a check"],
  ].filter(([fate]) => rows.some((row) => row.fate === fate));
  const options = [...fates, ...reasons.map((reason) => [reason, `failed: ${reason}`] as const)];
  return html`<p class="muted">${rows.length} candidates, drawn evenly: ${entries} of the dataset, and what was left out.</p>
<script type="application/json" id="rows${at}">${jsonInHtml(rows)}</script>
<noscript><p>The sample needs the page's script, which is switched off.</p></noscript>
<div data-sample="rows${at}" hidden>
<div class="find" role="search"><input type="search" aria-label="Search the sample" placeholder="Search"><select aria-label="Which candidates"><option value="">all</option>${options.map(([value, name]) => html`<option value="${value ?? ""}">${name ?? ""}</option>`)}</select><span class="small muted" role="status"></span></div>
<ol class="rows"></ol><button type="button" class="more">Show more</button></div>`;
}

function madeWith({ manifest }: TaskData): Html {
  const facts: readonly (readonly [string, string])[] = [
    ["Model", manifest.model],
    ["Sampling", manifest.sampling === null ? "the provider's own" : JSON.stringify(manifest.sampling)],
    ["Provider", manifest.provider],
    ["Prompt", manifest.prompt_fingerprint],
    ...Object.entries(manifest.tokenizers).map(([name, hash]) => [`Tokenizer ${name}`, hash] as const),
    ["Dataset, SHA-256", manifest.dataset.sha256],
    ["Batches", manifest.summary.buying.reason],
  ];
  return html`<div class="scroll"><table><tbody>${facts.map(([name, value]) => html`<tr><th scope="row">${name}</th><td class="code">${value}</td></tr>`)}</tbody></table></div>`;
}
