import * as Plot from "@observablehq/plot";
import { count } from "../report/format.ts";
import { chart, figure, table } from "./charts.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { number, share, short } from "./parts.ts";
import { binned, quantile, type Series } from "./tally.ts";
import type { TaskData } from "./task-data.ts";

const BINS = 40;

/** Which checks failed; those of tokens by tokenizer and variant. */
export function failureSection({ failures, manifest, task }: TaskData): Html {
  const candidates = manifest.summary.valid + manifest.summary.invalid;
  if (failures.length === 0) return html`<p class="muted">No candidate failed a check.</p>`;
  const cells = failures.map((of) => ({
    ...of,
    label: `${of.check}: ${of.reason}`,
    at: of.tokenizer ?? "any",
    in: of.variant ?? "",
  }));
  const variants = ["", ...task.variants.map(({ name }) => name)].filter((name) =>
    cells.some((cell) => cell.in === name),
  );
  const several = variants.length > 1;
  const across = ["any", ...Object.keys(manifest.tokenizers)].filter((name) => cells.some((cell) => cell.at === name));
  const labels = [...new Set(cells.map(({ label }) => label))];
  const most = Math.max(...cells.map((cell) => cell.count));
  const drawing = chart((width) => {
    const wide = width === "wide";
    return {
      height: (wide ? 1 : several ? 2 : 1) * labels.length * 40 + 70,
      marginLeft: wide ? 290 : 128,
      marginRight: wide ? 20 : several ? 74 : 12,
      marginTop: 36,
      x: { label: null, tickSize: 0, domain: across },
      y: {
        label: null,
        tickSize: 0,
        tickFormat: (label: string) => (wide ? short(label, 44) : short(label.slice(label.indexOf(": ") + 2), 17)),
        domain: labels,
      },
      ...(several
        ? wide
          ? { fx: { label: null, domain: variants } }
          : { fy: { label: null, domain: variants, tickFormat: (name: string) => short(name, 11) } }
        : {}),
      marks: [
        Plot.cell(cells, {
          x: "at",
          y: "label",
          ...facet(several, wide),
          fill: "var(--accent)",
          fillOpacity: (cell) => 0.08 + (0.82 * cell.count) / most,
          inset: wide ? 1.5 : 0.5,
          rx: 3,
        }),
        Plot.text(cells, {
          x: "at",
          y: "label",
          ...facet(several, wide),
          text: (cell) => count(cell.count),
          fontSize: wide ? 12 : 10,
          fill: (cell) => (cell.count / most > 0.75 ? "var(--on-accent)" : "var(--ink)"),
        }),
      ],
    };
  });
  const below = table(
    [
      { name: "Check" },
      { name: "Reason" },
      { name: "Tokenizer" },
      { name: "Variant" },
      number("Candidates"),
      number("Share"),
    ],
    failures.map((of) => [
      of.check,
      of.reason,
      of.tokenizer ?? "",
      of.variant ?? "",
      count(of.count),
      share(of.count, candidates),
    ]),
  );
  return figure("Candidates that failed, by check, tokenizer and variant. One may fail several.", drawing, below);
}

/** How long the texts of the dataset are. */
export function lengthSection({ lengths, lengthUnit }: TaskData): Html {
  const below = table(
    [
      { name: "Variant" },
      { name: lengthUnit === "tokens" ? "Tokenizer" : "Field" },
      number("Shortest"),
      number("Median"),
      number("95 %"),
      number("Longest"),
    ],
    lengths.map(({ variant, of, counts }) => [
      variant,
      of,
      ...[counts[0]?.[0] ?? 0, quantile(counts, 0.5), quantile(counts, 0.95), counts.at(-1)?.[0] ?? 0].map(count),
    ]),
  );
  const bins = lengths.map(({ counts, ...of }) => ({ ...of, ...binned(counts, BINS) }));
  return figure(`The length of the dataset's texts, in ${lengthUnit}.`, histograms(bins, lengthUnit), below);
}

/** Where in the text the one differing token lies. */
export function placeSection({ places }: TaskData): Html {
  if (places.length === 0) return NOTHING;
  const tenths = places.map((series) => {
    const counts = new Map(series.counts);
    return {
      ...series,
      width: 10,
      bins: Array.from({ length: 10 }, (_, at) => [at * 10, counts.get(at) ?? 0] as const),
    };
  });
  const below = table(
    [{ name: "Variant" }, { name: "Tokenizer" }, ...(tenths[0]?.bins ?? []).map(([at]) => number(`${at} %`))],
    tenths.map(({ variant, of, bins }) => [variant, of, ...bins.map(([, times]) => count(times))]),
  );
  const drawing = histograms(tenths, "% of the text before it");
  return figure("Where the token that differs lies, from the beginning of the text to its end.", drawing, below);
}

/** A series in bins of one width. */
type Bins = Omit<Series, "counts"> & ReturnType<typeof binned>;

/** Small histograms: a row for each tokenizer or field, a column for each variant; on a telephone all below each other. */
function histograms(all: readonly Bins[], label: string): Html {
  const variants = new Set(all.map(({ variant }) => variant)).size > 1;
  return chart((width) => {
    const wide = width === "wide";
    const fy = ({ variant, of }: Bins) => (wide || !variants ? of : `${of}, ${variant}`);
    const bins = all.flatMap((series) => {
      return series.bins.map(([x1, times]) => ({
        x1,
        x2: x1 + series.width,
        times,
        variant: series.variant,
        fy: fy(series),
      }));
    });
    const rows = [...new Set(bins.map((bin) => bin.fy))];
    return {
      height: rows.length * (wide ? 84 : 72) + 60,
      marginLeft: 44,
      marginRight: wide ? 90 : 12,
      marginTop: 30,
      x: { label, tickSize: 0, ticks: wide ? 6 : 4 },
      y: { label: null, ticks: 2, tickSize: 0 },
      fy: { label: null, domain: rows, padding: wide ? 0.18 : 0.4, ...(wide ? {} : { axis: null }) },
      ...(wide && variants
        ? { fx: { label: null, padding: 0.06, domain: [...new Set(bins.map((bin) => bin.variant))] } }
        : {}),
      marks: [
        Plot.rectY(bins, {
          x1: "x1",
          x2: "x2",
          y: "times",
          fy: "fy",
          ...(wide && variants ? { fx: "variant" } : {}),
          fill: "var(--accent)",
          inset: 0.5,
        }),
        ...(wide
          ? []
          : [
              Plot.text(rows, {
                fy: (name: string) => name,
                text: (name: string) => name,
                frameAnchor: "top-left",
                dy: -14,
                fill: "var(--muted)",
              }),
            ]),
        Plot.ruleY([0], { stroke: "var(--line)" }),
      ],
    };
  });
}

function facet(several: boolean, wide: boolean): { readonly fx?: "in"; readonly fy?: "in" } {
  if (!several) return {};
  return wide ? { fx: "in" } : { fy: "in" };
}
