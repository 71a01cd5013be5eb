import * as Plot from "@observablehq/plot";
import { count } from "../report/format.ts";
import { chart, figure, table } from "./charts.ts";
import { type Html, html } from "./html.ts";
import { BARS, bars, legend, number, share, short, sparse, valueAt } from "./parts.ts";
import type { Fate, TaskData } from "./task-data.ts";

/*
 * The parts of a page that tell of one task: each a chart and the table that says the same.
 */

const FATES: readonly { readonly fate: Fate; readonly is: string; readonly fill: string }[] = [
  { fate: "taken", is: "in the dataset", fill: "var(--accent)" },
  { fate: "duplicate", is: "duplicate", fill: "var(--soft)" },
  { fate: "unneeded", is: "valid, not needed any more", fill: "var(--muted)" },
  { fate: "invalid", is: "failed a check", fill: "var(--pale)" },
];
const AXIS_VALUES = 30;

/** From requests to scenarios: answers are counted in the one half, what was read out of them in the other. */
export function funnelSection({ funnel }: TaskData): Html {
  const halves = [funnel.slice(0, 3), funnel.slice(3)];
  const drawing = halves.map((steps) =>
    chart((width) => ({
      ...bars(
        width,
        steps.map(({ name }) => name),
        funnel.map(({ name }) => name),
      ),
      x: { axis: null, domain: [0, Math.max(1, ...steps.map((step) => step.count))] },
      marks: [
        Plot.barX(steps, { x: "count", y: "name", fill: "var(--accent)", rx: 3 }),
        valueAt(steps, (step: (typeof steps)[number]) => count(step.count)),
      ],
    })),
  );
  const rows = funnel.map(({ name, count: left, lost }) => {
    const reasons = Object.entries(lost).sort(([, a], [, b]) => b - a);
    return [name, count(left), reasons.map(([why, times]) => `${count(times)} ${why}`).join(", ")];
  });
  const below = table([{ name: "Step" }, number("Left"), { name: "Lost on the way here" }], rows);
  return figure("How many are left after each step. An answer holds several candidates.", html`${drawing}`, below);
}

/** What became of the candidates of each batch; of very many, several batches are one bar. */
export function batchSection({ batches }: TaskData): Html {
  const size = Math.ceil(batches.length / BARS);
  const rows = batches.flatMap((batch, at) =>
    FATES.map(({ fate }) => ({ at: Math.floor(at / size) * size, fate, times: batch[fate] })),
  );
  const there = FATES.filter(({ fate }) => batches.some((batch) => batch[fate] > 0));
  const drawing = chart((width) => ({
    height: 270,
    marginLeft: 48,
    marginBottom: 42,
    x: {
      label: size === 1 ? "batch" : `batch, ${size} a bar`,
      type: "band",
      padding: batches.length < 6 ? 0.6 : 0.1,
      tickSize: 0,
      ...sparse(batches.length / size, width),
    },
    y: { label: "candidates", grid: true, ticks: 5, tickSize: 0 },
    color: { domain: FATES.map(({ fate }) => fate), range: FATES.map(({ fill }) => fill) },
    marks: [
      Plot.barY(
        rows,
        Plot.groupX(
          { y: "sum" },
          { x: "at", y: "times", fill: "fate", order: FATES.map(({ fate }) => fate), insetLeft: 1, insetRight: 1 },
        ),
      ),
      Plot.ruleY([0], { stroke: "var(--line)" }),
    ],
  }));
  const columns = ["Requests", "Answers", "Candidates", "Valid", ...there.slice(0, -1).map(({ is }) => is)].map(number);
  const below = table(
    [{ name: "Batch" }, ...columns, number("Yield")],
    batches.map((batch) => {
      const valid = batch.taken + batch.duplicate + batch.unneeded;
      const all = valid + batch.invalid;
      const fates = there.slice(0, -1).map(({ fate }) => count(batch[fate]));
      return [
        batch.shard,
        count(batch.requests),
        count(batch.answered),
        count(all),
        count(valid),
        ...fates,
        share(valid, all),
      ];
    }),
  );
  return figure("What became of each batch's candidates.", html`${legend(there)}${drawing}`, below);
}

/** The yield of each value of each axis. */
export function axisSection({ manifest }: TaskData): Html {
  const axes = Object.entries(manifest.summary.yield_by_axis ?? {});
  const parts = axes.map(([axis, values]) => {
    const rows = Object.entries(values).map(([value, of]) => ({ value, ...of }));
    const shown = rows.slice(0, AXIS_VALUES);
    const drawing = chart((width) => ({
      ...bars(
        width,
        shown.map(({ value }) => value),
      ),
      x: { axis: null, domain: [0, Math.max(0.01, ...shown.map((row) => row.yield ?? 0))] },
      marks: [
        Plot.barX(shown, { x: (row) => row.yield ?? 0, y: "value", fill: "var(--accent)", rx: 3 }),
        Plot.text(shown, {
          x: (row) => row.yield ?? 0,
          y: "value",
          text: (row) => share(row.valid, row.candidates),
          dx: 6,
          textAnchor: "start",
          fill: "var(--ink)",
        }),
      ],
    }));
    const below = table(
      [
        { name: axis },
        number("Requests"),
        number("Candidates"),
        number("Valid"),
        number("In the dataset"),
        number("Yield"),
      ],
      rows.map((row) => [
        row.value,
        count(row.requests),
        count(row.candidates),
        count(row.valid),
        count(row.scenarios),
        share(row.valid, row.candidates),
      ]),
    );
    const more = rows.length > shown.length ? `, the first ${shown.length} of ${count(rows.length)}` : "";
    return figure(`Valid among the candidates, by ${axis}${more}.`, drawing, below);
  });
  return html`${parts}`;
}

/** What came more than once. */
export function duplicateSection({ repeated, manifest, task }: TaskData): Html {
  const { duplicates, valid } = manifest.summary;
  const words = html`<p>${count(duplicates)} of ${count(valid)} valid entries were the same as one taken before (${task.dedupe.by}).</p>`;
  if (repeated.length === 0) return words;
  const rows = repeated.map(({ texts, times }) => [...texts.map((text) => short(text, 200)), count(times)]);
  return html`${words}${table([...task.names.fields.map((name) => ({ name })), number("Times")], rows)}`;
}
