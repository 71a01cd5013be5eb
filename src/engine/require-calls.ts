/*
 * What a module loads by `require`, told from its source: CommonJS, `createRequire`, and the `require` that TypeScript
 * modules are given. Reads without running, so only literal names can be followed.
 */

export interface Required {
  readonly specifiers: readonly string[];
  /** What cannot be followed, as it is written; undefined when everything can. */
  readonly unknown: string | undefined;
}

const NOTHING: Required = { specifiers: [], unknown: undefined };
/** What a `require` is made for: the module itself. */
const HERE = /^(?:import\.meta\.(?:url|filename)|__filename)$/;

/** @param source JavaScript or TypeScript, syntactically correct */
export function requireCalls(source: string): Required {
  if (!/require/i.test(source)) return NOTHING;
  const code = codeOnly(source);
  const specifiers: string[] = [];
  let unknown: string | undefined;
  const look = (at: number, written: string) => {
    const found = literalAt(source, code, at);
    if (found === undefined) unknown ??= written;
    else specifiers.push(found);
  };
  const loaders = new Set(["require"]);
  for (const factory of factories(code)) {
    const calls = new RegExp(
      `(?:\\b(?:const|let|var)\\s+([\\w$]+)[^=;]*=\\s*)?(?:[\\w$]+\\.)?\\b${escaped(factory)}\\s*\\(`,
      "g",
    );
    for (const call of code.matchAll(calls)) {
      const open = call.index + call[0].length;
      const close = code.indexOf(")", open);
      if (!HERE.test(source.slice(open, close).trim())) unknown ??= `${factory}(${source.slice(open, close).trim()})`;
      if (used(code, close + 1, look, factory)) continue;
      if (call[1] === undefined) unknown ??= factory;
      else loaders.add(call[1]);
    }
  }
  for (const loader of loaders) {
    const uses = `(?<![\\w$.]|\\btypeof\\s+|\\bfunction\\s*[\\w$]*\\()(?:module\\.)?${escaped(loader)}(?![\\w$])`;
    for (const use of code.matchAll(new RegExp(uses, "g"))) {
      const end = use.index + use[0].length;
      // Given another name, or to somebody else, it may load anything.
      if (!used(code, end, look, loader) && /^\s*(?:[,);\n]|$)/.test(code.slice(end, end + 20))) unknown ??= loader;
    }
  }
  return { specifiers, unknown };
}

/** Looks at `(…)` or `.resolve(…)` that begins here, if one does. */
function used(code: string, at: number, look: (at: number, written: string) => void, name: string): boolean {
  const call = /^\s*(?:\.\s*resolve\s*)?\(\s*/.exec(code.slice(at, at + 200));
  if (call === null) return false;
  look(at + call[0].length, `${name}(…)`);
  return true;
}

/** Names under which `createRequire` is known: its own, and those it is imported or taken out under. */
function factories(code: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const match of code.matchAll(/\bcreateRequire\b(?:\s+as\s+([\w$]+)|\s*:\s*([\w$]+))?/g)) {
    names.add(match[1] ?? match[2] ?? "createRequire");
  }
  return names;
}

/** The string literal that is the whole first argument beginning at `at`. */
function literalAt(source: string, code: string, at: number): string | undefined {
  const quote = source[at];
  if (quote !== '"' && quote !== "'" && quote !== "`") return undefined;
  const end = code.indexOf(quote, at + 1);
  if (end === -1 || !/^\s*[,)]/.test(code.slice(end + 1, end + 50))) return undefined;
  const written = source.slice(at + 1, end);
  return /[\\\n]/.test(written) || (quote === "`" && written.includes("${")) ? undefined : written;
}

function escaped(name: string): string {
  return name.replaceAll("$", "\\$");
}

/** After one of these a slash begins a regular expression; after any other word it divides. */
const BEFORE_REGEX = /(?:^|[^\w$.])(?:return|typeof|case|do|else|in|of|void|delete|throw|new|await|yield)$/;

/** The source with the inside of comments, strings, templates and regular expressions blanked, character for character. */
function codeOnly(source: string): string {
  const out: string[] = [];
  /** For each template that is open: how many braces are open in its current `${…}`. */
  const templates: number[] = [];
  let at = 0;
  const blankTo = (end: number) => {
    out.push(source.slice(at, end).replace(/[^\n]/g, " "));
    at = end;
  };
  const keep = () => {
    out.push(source[at] ?? "");
    at++;
  };
  const template = () => {
    const end = /(?:\\[\s\S]|(?!\$\{)[^`\\])*/y;
    end.lastIndex = at;
    end.exec(source);
    blankTo(end.lastIndex);
    if (source[at] === "`") {
      templates.pop();
      keep();
    } else if (at < source.length) {
      keep();
      keep();
    }
  };
  while (at < source.length) {
    const char = source[at];
    const next = source[at + 1];
    if (char === "/" && (next === "/" || next === "*")) {
      const end = next === "/" ? source.indexOf("\n", at) : source.indexOf("*/", at + 2) + 2;
      blankTo(end < at + 2 ? source.length : end);
    } else if (char === '"' || char === "'") {
      const end = char === '"' ? /"(?:\\[\s\S]|[^"\\\n])*/y : /'(?:\\[\s\S]|[^'\\\n])*/y;
      end.lastIndex = at;
      end.exec(source);
      keep();
      blankTo(end.lastIndex);
      keep();
    } else if (char === "`") {
      keep();
      templates.push(0);
      template();
    } else if (char === "/" && startsRegex(out)) {
      const end = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+/y;
      end.lastIndex = at;
      end.exec(source);
      keep();
      blankTo(Math.max(end.lastIndex, at));
      keep();
    } else {
      const depth = templates.at(-1);
      keep();
      if (depth === undefined) continue;
      if (char === "{") templates[templates.length - 1] = depth + 1;
      if (char === "}" && depth === 0) template();
      else if (char === "}") templates[templates.length - 1] = depth - 1;
    }
  }
  return out.join("");
}

/** Whether a slash after what was read so far begins a regular expression. */
function startsRegex(before: readonly string[]): boolean {
  let tail = "";
  for (let i = before.length - 1; i >= 0 && tail.trimStart().length < 12; i--) tail = (before[i] ?? "") + tail;
  const text = tail.trimEnd();
  return text === "" || /[(,=:[!&|?{};+\-*%<>~^]$/.test(text) || BEFORE_REGEX.test(text);
}
