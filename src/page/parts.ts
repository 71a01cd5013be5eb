import * as Plot from "@observablehq/plot";
import { percent } from "../report/format.ts";
import { type Html, html } from "./html.ts";

/*
 * What the sections share: bars, what they are called, and cells of tables.
 */

/** Bars that are drawn beside each other, or named. */
export const BARS = 60;

export const number = (name: string) => ({ name, right: true }) as const;

export function valueAt<T extends { readonly count: number; readonly name: string }>(
  rows: readonly T[],
  text: (row: T) => string,
) {
  return Plot.text([...rows], { x: "count", y: "name", text, dx: 6, textAnchor: "start", fill: "var(--ink)" });
}

/** Named bars below each other. @param aligned the names that they are set out for, where other bars stand with them */
export function bars(width: "wide" | "narrow", labels: readonly string[], aligned = labels) {
  const wide = width === "wide";
  const longest = Math.max(0, ...aligned.map((label) => [...label].length));
  return {
    height: labels.length * (wide ? 30 : 28) + 16,
    marginLeft: Math.min(wide ? 280 : 150, 16 + 7 * longest),
    ...{ marginRight: wide ? 60 : 52, marginTop: 4, marginBottom: 8 },
    y: { label: null, domain: labels, tickSize: 0, tickFormat: (label: string) => short(label, wide ? 40 : 20) },
  };
}

/** Of many bars only some are named. */
export function sparse(size: number, width: "wide" | "narrow"): { tickFormat?: (at: number, index: number) => string } {
  const every = Math.ceil(size / (width === "wide" ? 30 : 10));
  return { tickFormat: (at, index) => (index % every === 0 ? String(at) : "") };
}

export function legend(entries: readonly { readonly is: string; readonly fill: string }[]): Html {
  return html`<ul class="legend" aria-hidden="true">${entries.map(
    ({ is, fill }) =>
      html`<li><svg width="11" height="11"><rect width="11" height="11" rx="3" fill="${fill}"/></svg>${is}</li>`,
  )}</ul>`;
}

export function share(part: number, whole: number): string {
  return whole === 0 ? "" : percent(part / whole);
}

export function short(text: string, most = 28): string {
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join("")}…`;
}
