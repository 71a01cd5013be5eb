import { Graphviz } from "@hpcc-js/wasm-graphviz";
import { graphText } from "../report/graph.ts";
import type { GraphLine } from "../report/result-schema.ts";
import { figure, table } from "./charts.ts";
import { Html, html, NOTHING } from "./html.ts";

/** Targets that are drawn one by one beside the drawing by kind. */
const DRAWN = 60;
/** Targets that are listed by name, of each kind. */
const LISTED = 2000;

const LOOK =
  'bgcolor="transparent"; nodesep=0.25; ranksep=0.45; node [style=rounded, fontname="Helvetica", fontsize=12, height=0.4, margin="0.3,0.06"]; edge [arrowsize=0.6];';

/** What is made from what: a box for each kind of target, and below, every target by its kind. */
export async function diagram(lines: readonly GraphLine[]): Promise<Html> {
  const graphviz = await Graphviz.load();
  const drawn = (of: readonly GraphLine[], direction: "LR" | "TB", className: string): Html => {
    const dot = graphText(of, "dot").replace("rankdir=LR;", `rankdir=${direction}; ${LOOK}`);
    return svgOf(graphviz.layout(dot, "svg", "dot"), className);
  };
  const kinds = new Map<string, GraphLine[]>();
  for (const line of lines) kinds.set(line.stage, [...(kinds.get(line.stage) ?? []), line]);
  const each = lines.map((line) => ({ ...line, stage: line.target }));
  const lists = [...kinds].map(
    ([stage, of]) =>
      html`<details><summary>${stage}: ${of.length === 1 ? "1 target" : `${of.length} targets`}</summary><ul class="small code">${of.slice(0, LISTED).map(({ target }) => html`<li>${target}</li>`)}</ul>${of.length > LISTED ? html`<p class="small muted">and ${of.length - LISTED} more</p>` : NOTHING}</details>`,
  );
  const unfolded =
    lines.length > DRAWN || lines.length === 0
      ? NOTHING
      : html`<details><summary>Every target drawn</summary><div class="graph" tabindex="0" role="region" aria-label="Every target">${drawn(each, "LR", "every")}</div></details>`;
  const rows = [...kinds].map(([stage, of]) => {
    const recipes = [...new Set(of.map(({ recipe }) => recipe ?? "a view of the batch jobs"))];
    return [stage, of.length, recipes.join(", ")];
  });
  return html`${figure(
    "A box is a kind of target; a dashed arrow takes only as many as it needs.",
    html`<div class="graph" aria-hidden="true">${drawn(lines, "LR", "wide")}${drawn(lines, "TB", "narrow")}</div>`,
    table([{ name: "Kind" }, { name: "Targets", right: true }, { name: "Made by" }], rows),
  )}${unfolded}${lists}`;
}

/** Graphviz's drawing without what a page has already, or must have only once. */
function svgOf(text: string, className: string): Html {
  const svg = text
    .slice(text.indexOf("<svg"))
    .replace(/<!--[\s\S]*?-->/g, "")
    .replace(/<title>[^<]*<\/title>/g, "")
    .replace(/ id="[^"]*"/g, "")
    .replace(/ xmlns:xlink="[^"]*"/, "");
  return new Html(svg.replace("<svg", `<svg class="${className}"`));
}
