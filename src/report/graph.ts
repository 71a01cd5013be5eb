import type { Graph } from "../graph/graph.ts";
import { referencedTargets } from "../graph/graph.ts";
import type { Target } from "../graph/target.ts";
import { count, grouped } from "./format.ts";
import type { GraphLine } from "./result-schema.ts";
import { nameRange } from "./shorten.ts";

/** How `dsgen graph` draws. */
export type GraphFormat = "text" | "mermaid" | "dot";

/** Every target with what it is made from. `within` keeps those that the given targets need. */
export function graphLines(graph: Graph, within?: readonly string[]): readonly GraphLine[] {
  const wanted = within === undefined ? undefined : closure(graph, within);
  const targets = graph.targets
    .filter((target) => wanted?.has(target.name) ?? true)
    .map((target) => lineOf(graph, target));
  const live = graph.live
    .filter((view) => wanted?.has(view.name) ?? true)
    .map((view): GraphLine => {
      const from = [...view.requests];
      const { name, stage, task } = view;
      return { type: "graph", target: name, stage, task, recipe: null, outputs: [name], from, candidates: [] };
    });
  return [...targets, ...live];
}

/** The graph for people or for a drawing program. Targets that differ in a number are one node, or a page would not hold it. */
export function graphText(lines: readonly GraphLine[], format: GraphFormat): string {
  const nodes = nodesOf(lines);
  switch (format) {
    case "text":
      return nodes.map(nodeText).join("");
    case "mermaid":
      return `flowchart LR\n${drawn(
        nodes,
        (id, label) => `  n${id}["${label.replaceAll('"', "#quot;")}"]\n`,
        (from, to, choice) => `  n${from} ${choice ? "-.->" : "-->"} n${to}\n`,
      )}`;
    case "dot":
      return `digraph dsgen {\n  rankdir=LR;\n  node [shape=box];\n${drawn(
        nodes,
        (id, label) => `  n${id} [label=${JSON.stringify(label)}];\n`,
        (from, to, choice) => `  n${from} -> n${to}${choice ? " [style=dashed]" : ""};\n`,
      )}}\n`;
  }
}

interface Node {
  readonly key: string;
  readonly label: string;
  readonly stage: string;
  readonly recipe: string | null;
  readonly size: number;
  readonly from: ReadonlyMap<string, boolean>;
}

function nodesOf(lines: readonly GraphLine[]): readonly Node[] {
  const keyOf = new Map<string, string>();
  const groups = grouped(lines, ({ stage, recipe, task, target }) =>
    JSON.stringify([stage, recipe, task, target.replace(/\d+/g, "#")]),
  );
  for (const [key, group] of groups)
    for (const output of group.flatMap(({ outputs }) => outputs)) keyOf.set(output, key);
  return [...groups].map(([key, group]) => {
    const from = new Map<string, boolean>();
    for (const line of group) {
      for (const name of line.from) {
        const source = keyOf.get(name);
        if (source !== undefined) from.set(source, (from.get(source) ?? true) && line.candidates.includes(name));
      }
    }
    const [{ stage, recipe }] = group;
    return { key, label: nameRange(group.map((line) => line.target)), stage, recipe, size: group.length, from };
  });
}

function nodeText(node: Node, _index: number, all: readonly Node[]): string {
  const labels = new Map(all.map((other) => [other.key, other.label]));
  const made = node.recipe === null ? "a view of the batch jobs" : `by ${node.recipe}`;
  const size = node.size === 1 ? "" : ` (${count(node.size)})`;
  const from = [...node.from].map(
    ([key, choice]) => `  ${choice ? "as needed from" : "from"} ${labels.get(key) ?? key}\n`,
  );
  return `${node.label}${size}\n  ${made}  [${node.stage}]\n${from.join("")}`;
}

function drawn(
  nodes: readonly Node[],
  node: (id: number, label: string) => string,
  edge: (from: number, to: number, choice: boolean) => string,
): string {
  const ids = new Map(nodes.map((one, i) => [one.key, i]));
  const boxes = nodes.map((one, i) => node(i, one.label));
  const edges = nodes.flatMap((one, i) =>
    [...one.from].flatMap(([key, choice]) => {
      const from = ids.get(key);
      return from === undefined ? [] : [edge(from, i, choice)];
    }),
  );
  return [...boxes, ...edges].join("");
}

function lineOf(graph: Graph, target: Target): GraphLine {
  const from: string[] = [];
  const candidates: string[] = [];
  for (const input of Object.values(target.inputs)) {
    const taken = input.kind === "expand" ? (input.takes ?? input.candidates) : referencedTargets(input);
    const names = taken.map((name) => graph.mustTarget(name).name);
    for (const each of names) from.push(each);
    if (input.kind === "expand") for (const each of names) candidates.push(each);
  }
  const { name, stage, task, recipe, outputs } = target;
  return {
    type: "graph",
    target: name,
    stage,
    task: task ?? null,
    recipe,
    outputs,
    from: [...new Set(from)],
    candidates,
  };
}

function closure(graph: Graph, names: readonly string[]): ReadonlySet<string> {
  const reached = new Set<string>();
  const pending = [...names];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const target = graph.target(name);
    const id = target?.name ?? name;
    if (reached.has(id)) continue;
    reached.add(id);
    if (target === undefined) for (const each of graph.liveTarget(name)?.requests ?? []) pending.push(each);
    else {
      for (const each of target.companions ?? []) pending.push(each);
      for (const input of Object.values(target.inputs)) for (const each of referencedTargets(input)) pending.push(each);
    }
  }
  return reached;
}
