import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { Html, html } from "./html.ts";

/** Two widths of every chart: a style sheet chooses, so that letters are as large on a telephone as on a desk. */
const WIDTHS = { wide: 960, narrow: 358 } as const;
export type Width = keyof typeof WIDTHS;

const { document } = parseHTML("<!doctype html><html><body></body></html>");

/** A chart as SVG, drawn for both widths. It has no voice of its own: the table below says the same. */
export function chart(options: (width: Width) => Plot.PlotOptions): Html {
  const drawn = (["wide", "narrow"] as const).map((width) => {
    const plot = Plot.plot({ document, width: WIDTHS[width], ...options(width) });
    // A figure would hold a legend too; ours are HTML.
    const svg = plot.tagName.toLowerCase() === "svg" ? plot : plot.querySelector("svg");
    if (svg === null || svg === undefined) throw new Error("a chart without a drawing");
    for (const style of [...svg.querySelectorAll("style")]) style.remove();
    svg.setAttribute("class", `plot ${width}`);
    svg.setAttribute("aria-hidden", "true");
    return new Html(String(svg.outerHTML));
  });
  return html`${drawn}`;
}

/** Columns of a table; numbers stand to the right. */
export type Column = { readonly name: string; readonly right?: true };

/** A table, long ones shut away. @param most rows that are written; of more it is said how many there are */
export function table(columns: readonly Column[], rows: readonly (readonly (string | number)[])[], most = 200): Html {
  const place = (at: number) => (columns[at]?.right === true ? html` class="n"` : html``);
  const head = columns.map(({ name }, at) => html`<th scope="col"${place(at)}>${name}</th>`);
  const body = rows
    .slice(0, most)
    .map((row) => html`<tr>${row.map((cell, at) => html`<td${place(at)}>${cell}</td>`)}</tr>`);
  const more = rows.length > most ? html`<p class="small muted">and ${rows.length - most} more</p>` : html``;
  const whole = html`<div class="scroll" tabindex="0" role="region" aria-label="${columns.map(({ name }) => name).join(", ")}"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>${more}`;
  return rows.length <= 8 ? whole : html`<details><summary>Table of ${rows.length} rows</summary>${whole}</details>`;
}

/** A chart with its words above and its table below. */
export function figure(caption: string, drawing: Html, below: Html): Html {
  return html`<figure><figcaption>${caption}</figcaption>${drawing}${below}</figure>`;
}
