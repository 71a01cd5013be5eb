import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Pair,
  parseDocument,
  Scalar,
  type YAMLError,
  type YAMLMap,
} from "yaml";
import { type Complaint, oneLine, type Path, type Place, shownPath } from "./place.ts";
import { offsetOf, Tree } from "./tree.ts";

/** Nodes a document may unfold to: aliases of aliases of aliases (a "billion laughs") grow without bound. */
const MOST_NODES = 100_000;
/** Tokens that so many values are written with. */
const MOST_TOKENS = 10 * MOST_NODES;
/** Levels of nesting; beyond a few thousand the YAML parser itself runs out of stack, or worse. */
const MOST_DEPTH = 100;
/** Complaints about one text: after the first few, a syntax error only echoes. */
const MOST_SYNTAX_COMPLAINTS = 3;

/** A YAML text as a tree. `tree` is absent when nothing can be made of the text; the complaints then say why. */
export type YamlTree = { readonly tree?: Tree; readonly complaints: readonly Complaint[] };

/**
 * Reads one YAML document.
 * Complains about syntax, several documents, unknown tags, keys given twice or not a plain word, aliases without an
 * anchor, and documents that unfold without end.
 * @param placeAt where a line and column of this text lie, for the reader
 */
export function parseYamlTree(text: string, placeAt: (line: number, column: number) => Place): YamlTree {
  const lines = new LineCounter();
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return placeAt(Math.max(1, line), Math.max(1, col));
  };
  const excess = excessOf(text);
  if (excess !== undefined) return { complaints: [{ at: placeAt(1, 1), ...EXCESS[excess] }] };
  const document = parsed(text, lines);
  const faults = [...document.errors, ...document.warnings].slice(0, MOST_SYNTAX_COMPLAINTS);
  if (faults.length > 0) {
    return { complaints: faults.map((fault) => ({ at: place(fault.pos[0]), ...syntaxWords(fault) })) };
  }
  if (document.contents === null) return { complaints: [{ at: placeAt(1, 1), ...EMPTY }] };
  const walk = new Walk(place);
  const root = walk.settled(document.contents, []);
  return walk.stopped
    ? { complaints: walk.complaints }
    : { tree: new Tree(root, place, walk.unread), complaints: walk.complaints };
}

/** The parser makes an Error for each odd character; the stacks of ten million would take minutes. */
function parsed(text: string, lineCounter: LineCounter): Document.Parsed {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    // Keys given twice are found below, where both places are known; the parser's own search is quadratic.
    // "silent" would also pass over a second document.
    return parseDocument(text, {
      lineCounter,
      prettyErrors: false,
      uniqueKeys: false,
      stringKeys: false,
      logLevel: "error",
    });
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** What an anchor stands for. `node` is absent while the anchored value is still being read: an alias there never ends. */
type Anchored = { readonly node?: Node; readonly nodes: number; readonly depth: number };

/**
 * Goes through a parsed document once, in the order of the text, and makes a tree of plain values of it: an alias becomes
 * the value of the anchor last seen above it, a key the text it was written as, and what cannot be used nothing.
 */
class Walk {
  readonly complaints: Complaint[] = [];
  /** Scalars that stand where something could not be read. */
  readonly unread = new Set<Node>();
  /** Set when the document is not worth going on with. */
  stopped = false;
  #nodes = 0;
  readonly #anchors = new Map<string, Anchored>();
  readonly #place: (offset: number) => Place;

  constructor(place: (offset: number) => Place) {
    this.#place = place;
  }

  /** What stands in a node's place. */
  settled(node: unknown, path: Path): Node {
    if (this.stopped) return nothingAt(node);
    if (isAlias(node)) return this.#alias(node.source, node, path);
    this.#count(1, path.length, node);
    if (!isScalar(node) && !isSeq(node) && !isMap(node)) return nothingAt(node);
    const { anchor } = node;
    const before = this.#nodes;
    if (anchor !== undefined) this.#anchors.set(anchor, { nodes: 0, depth: 0 });
    if (isSeq(node)) node.items = node.items.map((item, index) => this.settled(item, [...path, index]));
    if (isMap(node)) node.items = this.#entries(node, path);
    const settled = isScalar(node) ? this.#scalar(node, path) : node;
    if (anchor !== undefined) {
      this.#anchors.set(anchor, { node: settled, nodes: this.#nodes - before + 1, depth: depthOf(settled) });
    }
    return settled;
  }

  #entries(node: YAMLMap, path: Path): Pair<Scalar<string>, Node>[] {
    const entries = new Map<string, Pair<Scalar<string>, Node>>();
    for (const pair of node.items) {
      const key = keyOf(pair.key);
      if (key === undefined) {
        const found = isScalar(pair.key) ? "an empty or reserved one" : "something else";
        this.#complain(pair.key, `a key must be a plain word or text; found ${found}.`, "Write `key: value`.");
        continue;
      }
      // `{a}` and `? a` are keys without a value.
      const value = pair.value === null ? nothingAt(pair.key) : this.settled(pair.value, [...path, key]);
      const earlier = entries.get(key);
      if (earlier === undefined) {
        entries.set(key, new Pair(at(new Scalar(key), pair.key), value));
        continue;
      }
      const first = this.#place(offsetOf(earlier.key));
      const where = first.kind === "file" ? ` (first on line ${first.line})` : "";
      const message = `\`${shownPath([...path, key])}\` must be given once; found it twice${where}.`;
      this.#complain(pair.key, message, "Remove one of the two.");
    }
    return [...entries.values()];
  }

  #scalar(node: Scalar, path: Path): Node {
    const { value } = node;
    if (value === null || typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) {
      return node;
    }
    const [found, fix] =
      typeof value === "number"
        ? [String(value), "Write a finite number."]
        : typeof value !== "string"
          ? ["a value of a YAML type that is not used here", "Put it in quotes, or remove its tag."]
          : hasLoneSurrogate(value)
            ? [
                "a text that is not well-formed (half of a surrogate pair)",
                "Write the whole character, or its \\U escape.",
              ]
            : [];
    if (found === undefined || fix === undefined) return node;
    const name = path.length === 0 ? "this" : `\`${shownPath(path)}\``;
    return this.#unread(node, `${name} must be a plain value; found ${found}.`, fix);
  }

  #alias(name: string, node: Node, path: Path): Node {
    const anchored = this.#anchors.get(name);
    if (anchored === undefined) {
      const message = `\`*${name}\` must refer to an anchor above it; found no \`&${name}\`.`;
      return this.#unread(node, message, `Put \`&${name}\` before the value that is meant, or quote the text.`);
    }
    if (anchored.node === undefined) {
      const message = `\`*${name}\` must refer to a finished value; found that it lies inside the value it refers to.`;
      this.#stop(node, { message, fix: "Write the value out." });
      return nothingAt(node);
    }
    this.#count(anchored.nodes, path.length + anchored.depth, node);
    return anchored.node;
  }

  #count(nodes: number, depth: number, node: unknown): void {
    this.#nodes += nodes;
    if (this.#nodes > MOST_NODES) this.#stop(node, UNFOLDS);
    else if (depth > MOST_DEPTH) this.#stop(node, EXCESS.deep);
  }

  #stop(node: unknown, { message, fix }: Omit<Complaint, "at">): void {
    if (!this.stopped) this.#complain(node, message, fix);
    this.stopped = true;
  }

  #unread(node: Node, message: string, fix: string): Node {
    this.#complain(node, message, fix);
    const nothing = nothingAt(node);
    this.unread.add(nothing);
    return nothing;
  }

  #complain(node: unknown, message: string, fix: string): void {
    this.complaints.push({ at: this.#place(offsetOf(node)), message, fix });
  }
}

/** Numbers, `true` and the like as keys are the text they were written as. */
function keyOf(node: unknown): string | undefined {
  if (!isScalar(node)) return undefined;
  const key = typeof node.value === "string" ? node.value : node.value === null ? "" : (node.source ?? "");
  return key === "" || key === "__proto__" || hasLoneSurrogate(key) ? undefined : key;
}

/** A node, at another's place. */
function at<N extends Node>(node: N, other: unknown): N {
  const offset = offsetOf(other);
  node.range = [offset, offset, offset];
  return node;
}

function nothingAt(node: unknown): Node {
  return at(new Scalar(null), node);
}

/** Levels below a value; 0 for a scalar. Bounded, because every tree was counted while it was read. */
function depthOf(node: unknown): number {
  if (!isMap(node) && !isSeq(node)) return 0;
  const depths = node.items.map((item) => depthOf(isMap(node) && item instanceof Pair ? item.value : item));
  return 1 + depths.reduce((deepest, depth) => Math.max(deepest, depth), 0);
}

function hasLoneSurrogate(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
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

const EXCESS = {
  deep: {
    message: `values must nest at most ${MOST_DEPTH} deep; found more.`,
    fix: "Check the brackets and the indentation.",
  },
  long: {
    message: `the file must hold at most ${MOST_NODES} values; found more.`,
    fix: "Check that this is the right file; data belongs elsewhere.",
  },
};

const UNFOLDS = {
  message: `the file must hold at most ${MOST_NODES} values; found that its aliases unfold to more.`,
  fix: "Repeat less through aliases.",
};

const EMPTY = {
  message: "a map of keys and values is expected here; found an empty file.",
  fix: "Fill it in, or delete it.",
};

const SECOND_KEY = [
  "one `key: value` is expected on a line; found a second key, or a key that goes over several lines.",
  "Put each key on a line of its own, equally indented, and quote a text that holds `: `.",
] as const;

/** The parser's complaints in our manner: what was expected and found (`{}` is the parser's own words), what to do. */
const SYNTAX: Partial<Record<YAMLError["code"], readonly [message: string, fix: string]>> = {
  TAB_AS_INDENT: ["lines must be indented with spaces; found a tab.", "Replace the tab by spaces."],
  MULTIPLE_DOCS: [
    "a config file must hold one YAML document; found a second one after `---`.",
    "Remove the second document.",
  ],
  TAG_RESOLVE_FAILED: ["a plain YAML value is expected; found a tag ({}).", "Remove the tag."],
  BLOCK_AS_IMPLICIT_KEY: SECOND_KEY,
  MULTILINE_IMPLICIT_KEY: SECOND_KEY,
  BAD_SCALAR_START: ["not valid YAML: {}.", "Put the text in quotes."],
  BAD_DQ_ESCAPE: ["not valid YAML: {}.", "Double the backslash, or use single quotes."],
  RESOURCE_EXHAUSTION: ["values nest too deeply to be read.", "Check the brackets and the indentation."],
};

function syntaxWords({ code, message }: YAMLError): Omit<Complaint, "at"> {
  const otherwise = ["not valid YAML: {}.", "Check the indentation, brackets and quotes here and on the line above."];
  const [words = "", fix = ""] = SYNTAX[code] ?? otherwise;
  return { message: words.replace("{}", () => oneLine(message, 120).replace(/\.$/, "")), fix };
}
