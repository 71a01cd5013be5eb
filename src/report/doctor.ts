import type { DoctorLine } from "./doctor-schema.ts";
import { countOf, wrap } from "./format.ts";
import type { Style } from "./style.ts";
import { oneLine } from "./visible.ts";

const WIDTH = 80;
const INDENT = 21;

/** A line for each thing that was looked at, what to do below it, and the verdict. */
export function doctorText(lines: readonly DoctorLine[], style: Style): string {
  const paint = { ok: style.green, wrong: style.red, skipped: style.dim };
  const set = (text: string) => wrap(oneLine(text), WIDTH - INDENT).join(`\n${" ".repeat(INDENT)}`);
  const told = lines.map(({ about, state, message, fix }) => {
    const what = `${paint[state](state.padEnd(7))}  ${about.padEnd(10)}  ${set(message)}\n`;
    return fix === null ? what : `${what}${" ".repeat(INDENT - 2)}${style.cyan(style.marks.arrow)} ${set(fix)}\n`;
  });
  return `${told.join("")}\n${verdict(lines)}\n`;
}

function verdict(lines: readonly DoctorLine[]): string {
  const wrong = lines.filter(({ state }) => state === "wrong").length;
  const skipped = lines.filter(({ state }) => state === "skipped").length;
  const rest = skipped === 0 ? "" : `; ${skipped} not looked at`;
  return wrong === 0 ? `Nothing is wrong${rest}.` : `${countOf(wrong, "thing")} to mend${rest}.`;
}
