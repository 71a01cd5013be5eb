import * as Plot from "@observablehq/plot";
import { count, money } from "../report/format.ts";
import { chart, figure, table } from "./charts.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { BARS, bars, number } from "./parts.ts";
import type { TaskData } from "./task-data.ts";

/** What the answers cost. */
export function costSection({ manifest, facts }: TaskData): Html {
  const saved = facts.saved.reduce<number | null>(
    (sum, { usd }) => (sum === null || usd === null ? null : sum + usd),
    0,
  );
  const rows = [
    { name: "bought", usd: manifest.cost_usd, is: "all answers that this dataset was chosen from" },
    { name: "used", usd: manifest.used_cost_usd, is: "the answers with an entry in the dataset" },
    { name: "saved", usd: saved, is: "answers that were there already when they were wanted again" },
  ];
  const known = rows.filter((row): row is typeof row & { usd: number } => row.usd !== null);
  const most = Math.max(...known.map(({ usd }) => usd), 0);
  const drawing =
    most === 0
      ? NOTHING
      : chart((width) => ({
          ...bars(
            width,
            known.map(({ name }) => name),
          ),
          x: { axis: null, domain: [0, most] },
          marks: [
            Plot.barX(known, { x: "usd", y: "name", fill: "var(--accent)", rx: 3 }),
            Plot.text(known, {
              x: "usd",
              y: "name",
              text: ({ usd }) => money(usd),
              dx: 6,
              textAnchor: "start",
              fill: "var(--ink)",
            }),
          ],
        }));
  const below = table(
    [{ name: "" }, number("US dollars"), { name: "What it is" }],
    rows.map(({ name, usd, is }) => [name, money(usd), is]),
  );
  const spent = table(
    [
      { name: "Model" },
      { name: "Way" },
      number("Answers"),
      number("Input tokens"),
      number("Output tokens"),
      number("US dollars"),
    ],
    facts.spent.map((of) => [
      of.model,
      of.via,
      count(of.answers),
      count(of.usage.input),
      count(of.usage.output),
      money(of.usd),
    ]),
  );
  const caption = manifest.simulated
    ? "Nobody was paid: what answers of this size would have cost."
    : "What the answers cost.";
  return html`${figure(caption, drawing, below)}${facts.spent.length === 0 ? NOTHING : html`<p class="muted">Everything that was bought for this task so far, by model.</p>${spent}`}`;
}

/** Batch jobs over time, from when the provider made them to when they were seen to be over. */
export function jobSection({ facts }: TaskData): Html {
  const { jobs } = facts;
  if (jobs.length === 0)
    return html`<p class="muted">No batch jobs: the answers came another way, or from an earlier cache.</p>`;
  const begin = Math.min(...jobs.map(({ since }) => since));
  const end = Math.max(...jobs.map(({ since, until }) => until ?? since));
  // What was over at once is seen all the same: the table has its true times.
  const least = Math.max((end - begin) / 150, 1000);
  const bar = jobs.map((job, at) => ({
    at,
    from: job.since,
    to: Math.max(job.until ?? end, job.since + least),
    standing: job.standing,
  }));
  const labels = jobs.length <= BARS;
  const drawing = chart((width) => ({
    height: Math.min(640, jobs.length * 26 + 50),
    marginBottom: 40,
    marginLeft: labels ? (width === "wide" ? 190 : 120) : 28,
    x: {
      type: "utc",
      label: null,
      grid: true,
      ticks: width === "wide" ? 7 : 3,
      tickSize: 0,
      domain: [begin, end + least],
    },
    y: { label: null, tickSize: 0, ...(labels ? { tickFormat: (at: number) => jobName(jobs[at]) } : { ticks: [] }) },
    marks: [
      Plot.barX(bar, {
        x1: "from",
        x2: "to",
        y: "at",
        fill: (job) => (job.standing === "done" ? "var(--accent)" : "var(--pale)"),
        rx: 2,
        insetTop: labels ? 3 : 0,
        insetBottom: labels ? 3 : 0,
      }),
    ],
  }));
  const below = table(
    [
      { name: "Job" },
      { name: "Batch" },
      { name: "Status" },
      number("Answered"),
      { name: "Begun (UTC)" },
      { name: "Over (UTC)" },
    ],
    jobs.map((job) => [
      jobName(job),
      job.batchId ?? "",
      job.status,
      `${count(job.progress.completed)}/${count(job.progress.total)}`,
      moment(job.since),
      job.until === null ? "" : moment(job.until),
    ]),
  );
  return figure("Batch jobs, from when the provider took them to when they were seen to be over.", drawing, below);
}

function jobName(job: TaskData["facts"]["jobs"][number] | undefined): string {
  if (job === undefined) return "";
  const file = job.requestFile.slice(job.requestFile.lastIndexOf("/") + 1).replace(/\.jsonl$/, "");
  return job.attempt > 1 ? `${file}, attempt ${job.attempt}` : file;
}

/** A time of the journal, to the second. */
function moment(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ");
}
