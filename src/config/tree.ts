import { Document, isMap, isNode, isScalar, isSeq, type Node, Pair, Scalar, YAMLMap, YAMLSeq } from "yaml";
import type { JsonValue } from "../graph/json.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Complaint, Path, Place } from "./place.ts";
import { foundWords } from "./words.ts";

/** One part of a `--set` key. A quoted one is a key by itself, dots and all. */
export type Segment = { readonly text: string; readonly quoted: boolean };

/** The values of a config file, each with the place where it is written. No aliases, and keys are texts given once. */
export class Tree {
  #root: Node;
  readonly #placeAt: (offset: number) => Place;
  readonly #unread: ReadonlySet<Node>;
  /** Nodes, and keys, that come from a `--set`. */
  readonly #set = new Map<Node, Place>();

  constructor(root: Node, placeAt: (offset: number) => Place, unread: ReadonlySet<Node> = new Set()) {
    this.#root = root;
    this.#placeAt = placeAt;
    this.#unread = unread;
  }

  /** Values that nobody wrote, for a file that is not there. */
  static of(value: JsonValue, at: Place): Tree {
    return new Tree(new Document(value).createNode(value), () => at);
  }

  get value(): JsonValue {
    return plain(this.#root);
  }

  /** Whether something is written at a path. */
  has(path: Path): boolean {
    return this.#node(path) !== undefined;
  }

  /** Whether what is written at a path stands for nothing, and has been complained of. */
  isUnread(path: Path): boolean {
    const node = this.#node(path);
    return node !== undefined && this.#unread.has(node);
  }

  /** Where the value at a path is written; for a missing one, the map that lacks it. */
  place(path: Path): Place {
    let node = this.#root;
    for (const step of path) {
      const child = childOf(node, step);
      if (child === undefined) break;
      node = child;
    }
    return this.#placeOf(node);
  }

  /** Where the last step of a path is written: a map's key. */
  keyPlace(path: Path): Place {
    const owner = path.slice(0, -1);
    const map = this.#node(owner);
    const key = isMap(map) ? pairsOf(map).get(String(path.at(-1)))?.key : undefined;
    return key === undefined ? this.place(owner) : this.#placeOf(key);
  }

  /** Puts the value of a `--set` in its place. Maps that the key goes through are made where they are missing. */
  set(segments: readonly Segment[], value: Tree, at: Place): Complaint | undefined {
    const claim = (node: unknown): void => {
      if (isMap(node)) for (const { key, value: inner } of node.items) [key, inner].forEach(claim);
      if (isSeq(node)) node.items.forEach(claim);
      if (isNode(node)) this.#set.set(node, at);
    };
    claim(value.#root);
    const root = put(this.#root, segments, value.#root, [], claim);
    if (!root.ok) return { at, ...root.error };
    this.#root = root.value;
    return undefined;
  }

  #node(path: Path): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const step of path) node = node === undefined ? undefined : childOf(node, step);
    return node;
  }

  #placeOf(node: Node): Place {
    return this.#set.get(node) ?? this.#placeAt(offsetOf(node));
  }
}

/** Where a node begins in its text. */
export function offsetOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

function plain(node: unknown): JsonValue {
  if (isMap(node)) return Object.fromEntries(node.items.map(({ key, value }) => [textOf(key), plain(value)]));
  if (isSeq(node)) return node.items.map(plain);
  const value = isScalar(node) ? node.value : null;
  if (value === 0) return 0;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}

function textOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : "";
}

function childOf(node: Node, step: string | number): Node | undefined {
  if (isMap(node)) return pairsOf(node).get(String(step))?.value;
  const child = isSeq(node) ? node.items[Number(step)] : undefined;
  return isNode(child) ? child : undefined;
}

type Entry = { readonly key: Node; readonly value: Node };

const entries = new WeakMap<YAMLMap, ReadonlyMap<string, Entry>>();

/** A map's pairs by key, found once: a file made to hurt has complaints about very many keys of one map. */
function pairsOf(map: YAMLMap): ReadonlyMap<string, Entry> {
  const known = entries.get(map);
  if (known !== undefined) return known;
  const found = new Map<string, Entry>();
  for (const { key, value } of map.items) if (isNode(key) && isNode(value)) found.set(textOf(key), { key, value });
  entries.set(map, found);
  return found;
}

/** A tree with a value put in it. What aliases share is copied, not changed. @param claim told of every node that is new */
function put(
  node: Node | undefined,
  segments: readonly Segment[],
  value: Node,
  path: readonly string[],
  claim: (node: unknown) => void,
): Result<Node, Omit<Complaint, "at">> {
  const [step] = segments;
  if (step === undefined) return ok(value);
  const name = path.join(".");
  if (isSeq(node)) {
    const index = /^\d+$/.test(step.text) ? Number(step.text) : Number.NaN;
    if (!(index <= node.items.length)) {
      return err({
        message: `\`${name}\` is a list, so the next part must be a number from 0 to ${node.items.length} (one more than it has appends); found ${step.text}.`,
        fix: "Count from 0, or set the whole list: `[a, b]`.",
      });
    }
    const item = put(childOf(node, index), segments.slice(1), value, [...path, String(index)], claim);
    if (!item.ok) return item;
    const list = copyOf(new YAMLSeq(), node);
    list.items[index] = item.value;
    return ok(list);
  }
  if (isScalar(node) && node.value !== null) {
    return err({
      message: `\`${name}\` must be a map to have the key \`${step.text}\`; found ${foundWords(plain(node))}.`,
      fix: `Set \`${name}\` itself.`,
    });
  }
  const { key, length } = isMap(node) ? keyOf(node, segments) : { key: step.text, length: 1 };
  const earlier = isMap(node) ? pairsOf(node).get(key) : undefined;
  const inner = put(earlier?.value, segments.slice(length), value, [...path, key], claim);
  if (!inner.ok) return inner;
  const map = isMap(node) ? copyOf(new YAMLMap(), node) : new YAMLMap();
  const pair = new Pair<unknown, unknown>(earlier?.key ?? new Scalar(key), inner.value);
  if (!isMap(node)) claim(map);
  if (earlier === undefined) claim(pair.key);
  // A key that is there keeps its place: the order of templates means something.
  const at = map.items.findIndex((one) => one.key === pair.key);
  map.items.splice(at === -1 ? map.items.length : at, 1, pair);
  return ok(map);
}

function copyOf<C extends YAMLMap | YAMLSeq>(copy: C, node: C): C {
  copy.items = [...node.items];
  if (node.range) copy.range = node.range;
  return copy;
}

/** The longest run of unquoted parts that is a key of the map (`gpt-4.1` is two parts and one key), or the first part. */
function keyOf(map: YAMLMap, segments: readonly Segment[]): { readonly key: string; readonly length: number } {
  const quoted = segments.findIndex((segment) => segment.quoted);
  const texts = segments.map(({ text }) => text);
  for (let length = quoted === -1 ? segments.length : quoted; length > 1; length--) {
    const key = texts.slice(0, length).join(".");
    if (pairsOf(map).has(key)) return { key, length };
  }
  return { key: texts[0] ?? "", length: 1 };
}
