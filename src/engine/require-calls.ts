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

/** A comment, a string, what may be a regular expression, white space, a word, signs; a quote or brace by itself. */
const LEXEME =
  /\/\/.*|\/\*[\s\S]*?(?:\*\/|$)|"(?:\\[\s\S]|[^"\\\n])*"?|'(?:\\[\s\S]|[^'\\\n])*'?|\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/?|\s+|[\w$]+|[^\s\w$"'`/{}]+|[\s\S]/y;
/** What a template holds up to its end, or to the next `${`. */
const TEMPLATE = /(?:\\[\s\S]|(?!\$\{)[^`\\])*(?:`|\$\{|$)/y;

/** The source with the inside of comments, strings, templates and regular expressions blanked, character for character. */
function codeOnly(source: string): string {
  let code = "";
  /** The end of what was kept, with one space for each stretch of white space and comments. */
  let tail = "";
  /** For each template that is open: how many braces are open in its current `${…}`. */
  const templates: number[] = [];
  const next = (pattern: RegExp) => {
    pattern.lastIndex = code.length;
    return pattern.exec(source)?.[0] ?? "";
  };
  /** Keeps the first and the last so many characters of a lexeme. */
  const blank = (text: string, first: number, last: number) => {
    const end = Math.max(first, text.length - last);
    code += text.slice(0, first) + text.slice(first, end).replace(/[^\n]/g, " ") + text.slice(end);
  };
  const template = () => {
    const text = next(TEMPLATE);
    blank(text, 0, text.endsWith("${") ? 2 : text.endsWith("`") ? 1 : 0);
    if (text.endsWith("`")) templates.pop();
  };
  while (code.length < source.length) {
    let text = next(LEXEME);
    const isComment = text.startsWith("//") || text.startsWith("/*");
    if (text.startsWith("/") && !isComment && !startsRegex(tail)) text = "/";
    if (isComment) blank(text, 0, 0);
    else if (/^["'/]/.test(text)) blank(text, 1, 1);
    else code += text;
    tail = isComment || text.trim() === "" ? `${tail.trimEnd()} ` : (tail + text).slice(-24);
    const depth = templates.at(-1);
    if (text === "`") {
      templates.push(0);
      template();
    } else if (text === "{" && depth !== undefined) templates[templates.length - 1] = depth + 1;
    else if (text === "}" && depth === 0) template();
    else if (text === "}" && depth !== undefined) templates[templates.length - 1] = depth - 1;
  }
  return code;
}

/** Whether a slash after this begins a regular expression. */
function startsRegex(before: string): boolean {
  const text = before.trimEnd();
  return text === "" || /[(,=:[!&|?{};+\-*%<>~^]$/.test(text) || BEFORE_REGEX.test(text);
}
