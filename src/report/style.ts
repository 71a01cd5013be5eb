import { OWN_ESCAPE } from "./visible.ts";

/** `--color`: `auto` colours a terminal, unless NO_COLOR is set. */
export type ColorChoice = "auto" | "always" | "never";

/** Signs with a meaning, in Unicode or, where the locale cannot show that, in ASCII. */
export interface Marks {
  readonly done: string;
  readonly waiting: string;
  readonly failed: string;
  readonly warning: string;
  readonly arrow: string;
  readonly ellipsis: string;
}

export interface Style {
  readonly marks: Marks;
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
  /** Colours of text and ground exchanged. */
  reverse(text: string): string;
}

const UNICODE: Marks = { done: "✓", waiting: "…", failed: "✗", warning: "!", arrow: "→", ellipsis: "…" };
const ASCII: Marks = { done: "+", waiting: ".", failed: "x", warning: "!", arrow: "->", ellipsis: "..." };

type Environment = Readonly<Record<string, string | undefined>>;

/** How to write to one stream. NO_COLOR and FORCE_COLOR are read as no-color.org and Node itself read them. */
export function styleFor(choice: ColorChoice, stream: { readonly isTty: boolean }, env: Environment): Style {
  const paint = wantsColor(choice, stream.isTty, env) ? paintWith : plain;
  return {
    marks: speaksUnicode(env) ? UNICODE : ASCII,
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    cyan: paint(36, 39),
    reverse: paint(7, 27),
  };
}

/** No colour, Unicode marks: what a file or a test gets. */
export const PLAIN_STYLE: Style = styleFor("never", { isTty: false }, {});

function wantsColor(choice: ColorChoice, isTty: boolean, env: Environment): boolean {
  switch (choice) {
    case "always":
      return true;
    case "never":
      return false;
    case "auto":
      if (isSet(env["NO_COLOR"]) || env["TERM"] === "dumb") return false;
      if (isSet(env["FORCE_COLOR"])) return env["FORCE_COLOR"] !== "0" && env["FORCE_COLOR"] !== "false";
      return isTty;
  }
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "";
}

/** The locale decides as POSIX orders it. Without any locale (containers, CI) whoever reads the log nearly always reads UTF-8. */
function speaksUnicode(env: Environment): boolean {
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find(isSet);
  return locale === undefined || /utf-?8/i.test(locale);
}

function paintWith(open: number, close: number): (text: string) => string {
  return (text) => `${OWN_ESCAPE}[${open}m${text}${OWN_ESCAPE}[${close}m`;
}

function plain(): (text: string) => string {
  return (text) => text;
}
