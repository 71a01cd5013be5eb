/*
 * What a page of the docs shows, in order:
 *   ```sh          commands, one a line
 *   ```console     commands behind "$ ", each followed by what the screen says and, unless it is 0, by the exit code: [1]
 *   ```crontab     lines of a crontab, whose commands are run
 *   ```js, ```python, ```sql   programs
 *   ```diff        an edit: behind "--- " the file, then its lines as they are ("-", " ") and as they become ("+", " ")
 * and, in any language, a block whose first line is a comment with a path (`// targets/index.ts`): that file.
 */

/** `text` is what a step runs, or a file holds; an edit has the lines before it and after it. */
export type Step =
  | { readonly kind: "command"; readonly text: string }
  | { readonly kind: "screen"; readonly text: string; readonly says: string; readonly code: number }
  | { readonly kind: "scheduled"; readonly text: string }
  | { readonly kind: "edit"; readonly path: string; readonly before: string; readonly after: string }
  | { readonly kind: "program"; readonly language: Language; readonly text: string }
  | { readonly kind: "file"; readonly path: string; readonly text: string };

export type Language = "js" | "python" | "sql";

const BLOCK = /^```(?<language>\w+)\n(?<block>[\s\S]*?)^```$/gm;
const PATH = /^(?:\/\/|#) (?<path>(?:[\w.-]+\/)+[\w.-]+\.\w+|Makefile)\n/;

/** The steps of a page, in its order. Blocks of other languages show what is not run. */
export function stepsOf(page: string): Step[] {
  return [...page.matchAll(BLOCK)].flatMap(({ groups }) => stepsOfBlock(groups?.["language"], groups?.["block"] ?? ""));
}

function stepsOfBlock(language: string | undefined, block: string): Step[] {
  const path = PATH.exec(block)?.groups?.["path"];
  if (path !== undefined) return [{ kind: "file", path, text: block }];
  switch (language) {
    case "sh":
      return commandLines(block).map((text) => ({ kind: "command", text }));
    case "crontab":
      return commandLines(block).map((line) => ({ kind: "scheduled", text: line.replace(/^(?:\S+ +){5}/, "") }));
    case "console":
      return screens(block);
    case "diff":
      return [editOf(block)];
    case "js":
    case "python":
    case "sql":
      return [{ kind: "program", language, text: block }];
    default:
      return [];
  }
}

/** Without comments. */
function commandLines(block: string): string[] {
  return block
    .split("\n")
    .map((line) => line.replace(/(^|\s+)#.*$/, "").trim())
    .filter((line) => line !== "");
}

function editOf(block: string): Step {
  const [head = "", ...lines] = block.trimEnd().split("\n");
  const path = /^--- (?<path>\S+)$/.exec(head)?.groups?.["path"];
  if (path === undefined || lines.some((line) => !/^[ +-]/.test(line))) throw new Error(`not an edit:\n${block}`);
  const without = (mark: string) =>
    lines.flatMap((line) => (line.startsWith(mark) ? [] : [`${line.slice(1)}\n`])).join("");
  return { kind: "edit", path, before: without("+"), after: without("-") };
}

function screens(block: string): Step[] {
  const [before, ...parts] = block.split(/^\$ /m);
  if (before !== "" || parts.length === 0) throw new Error(`a console block begins with "$ " and a command:\n${block}`);
  return parts.map((part) => {
    const [text = "", ...said] = part.trimEnd().split("\n");
    const code = /^\[(?<code>\d+)\]$/.exec(said.at(-1) ?? "")?.groups?.["code"];
    if (code !== undefined) said.pop();
    return { kind: "screen", text, says: said.join("\n"), code: Number(code ?? 0) };
  });
}

/**
 * Where a screen is not what a page shows of it: the first part that does not follow, or undefined when all do. A line of
 * "…" stands for any lines. Line breaks are the terminal's; ids, ports and times are other ones each time.
 */
export function missingOf(shown: string, screen: string): string | undefined {
  const parts = shown.split(/^ *…$/m).map(steady);
  let rest = steady(screen);
  for (const [i, part] of parts.entries()) {
    const at = rest.indexOf(part);
    if (at === -1 || (i === 0 && at > 0)) return part;
    rest = rest.slice(at + part.length).trimStart();
  }
  return parts.at(-1) === "" || rest === "" ? undefined : `the end, but there is more: ${rest}`;
}

function steady(text: string): string {
  return text
    .replace(/\b(batch_sim|file-sim)?[0-9a-f]{24}([0-9a-f]{8})?\b/g, "$1ID")
    .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
    .replace(/\b\d+(\.\d+)? (ms|s|min)\b/g, "TIME")
    .replace(/\b\d+ kB\b/g, "SIZE")
    .replace(/\s+/g, " ")
    .trim();
}
