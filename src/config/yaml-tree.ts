import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { type Complaint, type Located, type LocatedEntry, type Place, type Step, shownPath } from "./located.ts";
import { syntaxWords } from "./yaml-faults.ts";

/** Nodes a document may unfold to: aliases of aliases of aliases (a "billion laughs") grow without bound. */
const MOST_NODES = 100_000;
/** Tokens that so many values are written with. */
const MOST_TOKENS = 10 * MOST_NODES;
/** Levels of nesting; beyond a few thousand the YAML parser itself runs out of stack, or worse. */
const MOST_DEPTH = 100;
/** Complaints about one text: after the first few, a syntax error only echoes. */
const MOST_SYNTAX_COMPLAINTS = 3;

/** A YAML text as located values. `tree` is absent when nothing can be made of the text; the complaints then say why. */
export type YamlTree = { readonly tree?: Located; readonly complaints: readonly Complaint[] };

/**
 * Reads one YAML document.
 * Complains about syntax, several documents, unknown tags, keys given twice or not a plain word, aliases without an
 * anchor, and documents that unfold without end.
 * @param placeAt where a line and column of this text lie, for the reader
 */
export function parseYamlTree(text: string, placeAt: (line: number, column: number) => Place): YamlTree {
  const lines = new LineCounter();
  const place = (offset: number | undefined): Place => {
    const { line, col } = lines.linePos(offset ?? 0);
    return placeAt(Math.max(1, line), Math.max(1, col));
  };
  const excess = excessOf(text);
  if (excess === "deep") return { complaints: [tooDeep(placeAt(1, 1))] };
  if (excess === "long") return { complaints: [tooLong(placeAt(1, 1))] };
  // Keys given twice are found below, where both places are known; the parser's own search is quadratic.
  const document = withoutStacks(() =>
    parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      stringKeys: false,
      // "silent" would also pass over a second document.
      logLevel: "error",
    }),
  );
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    return {
      complaints: faults.slice(0, MOST_SYNTAX_COMPLAINTS).map((fault) => ({
        at: place(fault.pos[0]),
        ...syntaxWords(fault),
      })),
    };
  }
  if (document.contents === null) {
    return {
      complaints: [
        {
          at: placeAt(1, 1),
          message: "a map of keys and values is expected here; found an empty file.",
          fix: "Fill it in, or delete it.",
        },
      ],
    };
  }
  const walk = new Walk(place);
  const tree = walk.located(document.contents, []);
  return walk.stopped ? { complaints: walk.complaints } : { tree, complaints: walk.complaints };
}

/** The parser makes an Error for each odd character; the stacks of ten million would take minutes. */
function withoutStacks<T>(parse: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return parse();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** What an anchor stands for. `tree` is absent while the anchored value is still being read: an alias there never ends. */
type Anchored = { readonly tree?: Located; readonly nodes: number; readonly depth: number };

/** Goes through a parsed document once, in the order of the text, so that an alias means the anchor last seen above it. */
class Walk {
  readonly complaints: Complaint[] = [];
  /** Set when the document is not worth going on with. */
  stopped = false;
  #nodes = 0;
  readonly #anchors = new Map<string, Anchored>();
  readonly #place: (offset: number | undefined) => Place;

  constructor(place: (offset: number | undefined) => Place) {
    this.#place = place;
  }

  located(node: unknown, path: readonly Step[]): Located {
    const at = this.#at(node);
    const nothing: Located = { kind: "scalar", value: null, at };
    if (this.stopped) return nothing;
    if (isAlias(node)) return this.#alias(node.source, path, nothing);
    this.#count(1, path.length, at);
    if (!isScalar(node) && !isSeq(node) && !isMap(node)) return nothing;
    const anchor = node.anchor;
    if (anchor === undefined) return this.#value(node, at, path, nothing);
    const before = this.#nodes;
    this.#anchors.set(anchor, { nodes: 0, depth: 0 });
    const tree = this.#value(node, at, path, nothing);
    this.#anchors.set(anchor, { tree, nodes: this.#nodes - before + 1, depth: depthOf(tree) });
    return tree;
  }

  #value(node: Scalar | YAMLSeq | YAMLMap, at: Place, path: readonly Step[], nothing: Located): Located {
    if (isSeq(node)) {
      return { kind: "list", items: node.items.map((item, index) => this.located(item, [...path, index])), at };
    }
    if (isMap(node)) return { kind: "map", entries: this.#entries(node, path), at };
    return this.#scalar(node.value, at, path, nothing);
  }

  #entries(node: YAMLMap, path: readonly Step[]): ReadonlyMap<string, LocatedEntry> {
    const entries = new Map<string, LocatedEntry>();
    for (const pair of node.items) {
      const keyAt = this.#at(pair.key);
      const key = this.#key(pair.key, keyAt);
      if (key === undefined) continue;
      // `{a}` and `? a` are keys without a value.
      const value: Located =
        pair.value === null ? { kind: "scalar", value: null, at: keyAt } : this.located(pair.value, [...path, key]);
      const earlier = entries.get(key);
      if (earlier === undefined) {
        entries.set(key, { keyAt, value });
        continue;
      }
      this.complaints.push({
        at: keyAt,
        message: `\`${shownPath([...path, key])}\` must be given once; found it twice${lineOf(earlier.keyAt)}.`,
        fix: "Remove one of the two.",
      });
    }
    return entries;
  }

  /** Numbers, `true` and the like as keys are the text they were written as. */
  #key(node: unknown, at: Place): string | undefined {
    if (isScalar(node)) {
      const key = typeof node.value === "string" ? node.value : node.value === null ? "" : (node.source ?? "");
      if (key !== "" && key !== "__proto__" && !hasLoneSurrogate(key)) return key;
    }
    this.complaints.push({
      at,
      message: `a key must be a plain word or text; found ${isScalar(node) ? "an empty or reserved one" : "something else"}.`,
      fix: "Write `key: value`.",
    });
    return undefined;
  }

  #scalar(value: unknown, at: Place, path: readonly Step[], nothing: Located): Located {
    const wrong = (found: string, fix: string) => {
      this.complaints.push({ at, message: `${shownName(path)} must be a plain value; found ${found}.`, fix });
      return nothing;
    };
    switch (typeof value) {
      case "string":
        return hasLoneSurrogate(value)
          ? wrong(
              "a text that is not well-formed (half of a surrogate pair)",
              "Write the whole character, or its \\U escape.",
            )
          : { kind: "scalar", value, at };
      case "number":
        return Number.isFinite(value)
          ? { kind: "scalar", value: value === 0 ? 0 : value, at }
          : wrong(String(value), "Write a finite number.");
      case "boolean":
        return { kind: "scalar", value, at };
      default:
        return value === null
          ? nothing
          : wrong("a value of a YAML type that is not used here", "Put it in quotes, or remove its tag.");
    }
  }

  #alias(name: string, path: readonly Step[], nothing: Located): Located {
    const anchored = this.#anchors.get(name);
    if (anchored === undefined) {
      this.complaints.push({
        at: nothing.at,
        message: `\`*${name}\` must refer to an anchor above it; found no \`&${name}\`.`,
        fix: `Put \`&${name}\` before the value that is meant, or quote the text.`,
      });
      return nothing;
    }
    if (anchored.tree === undefined) {
      this.#stop(
        nothing.at,
        `\`*${name}\` must refer to a finished value; found that it lies inside the value it refers to.`,
        "Write the value out.",
      );
      return nothing;
    }
    this.#count(anchored.nodes, path.length + anchored.depth, nothing.at);
    return anchored.tree;
  }

  #count(nodes: number, depth: number, at: Place): void {
    this.#nodes += nodes;
    if (this.#nodes > MOST_NODES) {
      this.#stop(
        at,
        `the file must hold at most ${MOST_NODES} values; found that its aliases unfold to more.`,
        "Repeat less through aliases.",
      );
    } else if (depth > MOST_DEPTH) {
      this.complaints.push(tooDeep(at));
      this.stopped = true;
    }
  }

  #stop(at: Place, message: string, fix: string): void {
    if (!this.stopped) this.complaints.push({ at, message, fix });
    this.stopped = true;
  }

  #at(node: unknown): Place {
    const range = typeof node === "object" && node !== null && "range" in node ? node.range : undefined;
    const offset: unknown = Array.isArray(range) ? range[0] : undefined;
    return this.#place(typeof offset === "number" ? offset : undefined);
  }
}

/**
 * Counts brackets open at once, and `-` and `?` on one line, without parsing, since the parser recurses on both; and tokens,
 * of each of which it makes a tree of its own.
 */
function excessOf(text: string): "deep" | "long" | undefined {
  let brackets = 0;
  let indicators = 0;
  let tokens = 0;
  for (const token of new Lexer().lex(text)) {
    switch (token) {
      case "[":
      case "{":
        brackets += 1;
        break;
      case "]":
      case "}":
        brackets -= 1;
        break;
      case "-":
      case "?":
        indicators += 1;
        break;
      default:
        if (token.startsWith("\n") || token.startsWith("\r")) indicators = 0;
    }
    if (brackets > MOST_DEPTH || indicators > MOST_DEPTH) return "deep";
    if (++tokens > MOST_TOKENS) return "long";
  }
  return undefined;
}

function tooLong(at: Place): Complaint {
  return {
    at,
    message: `the file must hold at most ${MOST_NODES} values; found more.`,
    fix: "Check that this is the right file; data belongs elsewhere.",
  };
}

function tooDeep(at: Place): Complaint {
  return {
    at,
    message: `values must nest at most ${MOST_DEPTH} deep; found more.`,
    fix: "Check the brackets and the indentation.",
  };
}

/** Levels below a value; 0 for a scalar. Bounded, because every tree was counted while it was read. */
function depthOf(node: Located): number {
  switch (node.kind) {
    case "scalar":
      return 0;
    case "list":
      return 1 + node.items.reduce((deepest, item) => Math.max(deepest, depthOf(item)), 0);
    case "map":
      return 1 + [...node.entries.values()].reduce((deepest, entry) => Math.max(deepest, depthOf(entry.value)), 0);
  }
}

function shownName(path: readonly Step[]): string {
  return path.length === 0 ? "this" : `\`${shownPath(path)}\``;
}

function lineOf(place: Place): string {
  return place.kind === "file" ? ` (first on line ${place.line})` : "";
}

function hasLoneSurrogate(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}
