import { rmSync } from "node:fs";
import fc from "fast-check";
import { madeAll } from "../../src/graph/declare.ts";
import type { TargetName } from "../../src/graph/names.ts";
import type { Input, Target } from "../../src/graph/target.ts";
import type { TestProject } from "./project.ts";
import { enough, from, gated, making, of, setting } from "./recipes.ts";

/*
 * Small random pipelines with everything a graph may hold (steps that pass changes on, steps that absorb them, gates,
 * expansions), and random things that happen to a project between two builds.
 */

const FILES = 3;
const VALUES = 2;
const MOST = 7;

/** How one target is made; numbers pick earlier targets, files and values. */
export interface NodeShape {
  readonly by: "join" | "coarse" | "gated" | "choose";
  readonly files: readonly number[];
  readonly values: readonly number[];
  readonly earlier: readonly number[];
  readonly asList: boolean;
  readonly enough: number;
  readonly first: number;
}

export type Edit =
  | { readonly kind: "file"; readonly at: number; readonly text: string }
  | { readonly kind: "value"; readonly at: number; readonly to: number }
  | { readonly kind: "touch"; readonly at: number }
  | { readonly kind: "delete" | "edit" | "lose"; readonly node: number }
  | { readonly kind: "forget-files" }
  | { readonly kind: "move" };

const texts = fc.constantFrom("", "a", "b", "some longer text", "another, longer still, for sure", "caf\u00e9");

const shape: fc.Arbitrary<NodeShape> = fc.record({
  by: fc.constantFrom("join" as const, "join" as const, "coarse" as const, "gated" as const, "choose" as const),
  files: fc.uniqueArray(fc.nat({ max: FILES - 1 }), { maxLength: 2 }),
  values: fc.uniqueArray(fc.nat({ max: VALUES - 1 }), { maxLength: 1 }),
  earlier: fc.uniqueArray(fc.nat({ max: MOST }), { maxLength: 3 }),
  asList: fc.boolean(),
  enough: fc.integer({ min: 1, max: 60 }),
  first: fc.integer({ min: 1, max: 2 }),
});

export const shapes = fc.array(shape, { minLength: 2, maxLength: MOST });

const edit: fc.Arbitrary<Edit> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("file" as const), at: fc.nat({ max: FILES - 1 }), text: texts }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("value" as const),
      at: fc.nat({ max: VALUES - 1 }),
      to: fc.nat({ max: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("touch" as const), at: fc.nat({ max: FILES - 1 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("delete" as const, "edit" as const, "lose" as const),
      node: fc.nat({ max: MOST - 1 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("forget-files" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("move" as const) }) },
);

export const edits = fc.array(edit, { minLength: 1, maxLength: 4 });

/** A project over random shapes: its targets as they are declared now. */
export class RandomPipeline {
  readonly project: TestProject;
  readonly #shapes: readonly NodeShape[];
  readonly #values = [0, 0];

  constructor(project: TestProject, nodes: readonly NodeShape[]) {
    this.project = project;
    this.#shapes = nodes;
    for (let i = 0; i < FILES; i++) project.write(`in/${i}.txt`, `file ${i}`);
  }

  get targets(): readonly Target[] {
    return this.#shapes.flatMap((node, i) => this.#declare(node, i));
  }

  /** The last target, and one that may not be part of it. */
  get goals(): readonly string[] {
    return [...new Set([nameOf(this.#shapes.length - 1), nameOf(Math.floor(this.#shapes.length / 2))])];
  }

  #declare(node: NodeShape, i: number): readonly Target[] {
    const earlier = [...new Set(node.earlier.filter((n) => n < i))].map(nameOf);
    const inputs: Record<string, Input> = {};
    for (const n of node.files) inputs[`file ${n}`] = from(`in/${n}.txt`);
    for (const n of node.values) inputs[`value ${n}`] = setting({ n: this.#values[n] ?? 0 }, `values.${n}`);
    if (node.by === "choose" && earlier.length > 0) {
      inputs["chosen"] = enough(earlier, node.enough, node.first);
    } else if (node.asList) {
      inputs["list"] = madeAll(earlier.map((name) => name as TargetName));
    } else {
      for (const name of earlier) inputs[name] = of(name);
    }
    if (node.by === "gated") return gated(nameOf(i), `requests/${i}.txt`, { ...inputs, i: setting(i) });
    return [making(nameOf(i), node.by === "coarse" ? "coarse" : "join", inputs)];
  }

  apply(happened: Edit): void {
    const { project } = this;
    switch (happened.kind) {
      case "file":
        project.write(`in/${happened.at}.txt`, happened.text);
        return;
      case "value":
        this.#values[happened.at] = happened.to;
        return;
      case "touch":
        project.touch(`in/${happened.at}.txt`);
        return;
      case "delete":
        project.remove(nameOf(happened.node));
        return;
      case "edit":
        if (project.has(nameOf(happened.node))) project.write(nameOf(happened.node), `by hand ${happened.node}`);
        return;
      case "lose":
        this.#lose(nameOf(happened.node));
        return;
      case "forget-files":
        project.remove(".dsgen-cache/v1/workspace.bin");
        return;
      case "move":
        project.move();
        return;
    }
  }

  /** The file and the blob it came from. */
  #lose(name: string): void {
    if (!this.project.has(name)) return;
    const text = this.project.read(name);
    this.project.remove(name);
    if (!text.startsWith("by hand"))
      rmSync(
        this.project.cacheFile("v1/cas", (content) => content === text),
        { force: true },
      );
  }

  /** What the goals are made from whatever any expansion chooses. */
  certain(): ReadonlySet<string> {
    const byName = new Map(this.targets.map((target) => [String(target.name), target]));
    const reached = new Set<string>();
    const pending = [...this.goals];
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const target = byName.get(name);
      if (target === undefined || reached.has(name)) continue;
      reached.add(name);
      for (const input of Object.values(target.inputs)) {
        if (input.kind === "target") pending.push(input.target);
        if (input.kind === "targets") pending.push(...input.targets);
      }
    }
    return reached;
  }
}

function nameOf(i: number): string {
  return `out/${i}.txt`;
}
