import { closest, distance } from "fastest-levenshtein";
import { projectPath, type TargetName, targetName } from "./names.ts";
import { inputConflicts, pathConflicts } from "./path-conflicts.ts";
import type { Problem } from "./problem.ts";
import { err, ok, type Result } from "./result.ts";
import type { Input, LiveTarget, Target } from "./target.ts";

/** What the modules in `targets/` declare, before anything is checked. */
export interface GraphDefinition {
  readonly targets: readonly Target[];
  readonly live: readonly LiveTarget[];
}

/**
 * The checked graph: every name is unique and inside the project, every reference resolves, there is no cycle.
 * Built once per invocation, before anything runs.
 */
export class Graph {
  readonly targets: readonly Target[];
  readonly live: readonly LiveTarget[];
  readonly #byOutput: ReadonlyMap<string, Target>;
  readonly #liveByName: ReadonlyMap<string, LiveTarget>;
  /** Each name is looked up once: when it is checked. */
  readonly #madeFrom = new Map<Target, readonly Target[]>();
  /** Whether each is declared after all that it is made from, as most are: proof enough that there is no circle. */
  #inOrder = true;
  #usesTools = false;

  private constructor(
    definition: GraphDefinition,
    byOutput: ReadonlyMap<string, Target>,
    liveByName: ReadonlyMap<string, LiveTarget>,
  ) {
    this.targets = definition.targets;
    this.live = definition.live;
    this.#byOutput = byOutput;
    this.#liveByName = liveByName;
  }

  /** Checks a definition. All problems are reported, not only the first. */
  static build(definition: GraphDefinition): Result<Graph, readonly Problem[]> {
    const { targets, live } = definition;
    const twice: Problem[] = [];
    const byOutput = new Map<string, Target>();
    const liveByName = new Map<string, LiveTarget>();
    for (const target of targets) claimOutputs(target, byOutput, twice);
    for (const view of live) {
      if (byOutput.has(view.name) || liveByName.has(view.name)) twice.push(duplicateName(view.name));
      liveByName.set(view.name, view);
    }
    const names = [...byOutput.keys(), ...liveByName.keys()];
    const graph = new Graph(definition, byOutput, liveByName);
    const problems = [
      ...twice,
      ...pathConflicts(names, (name) => byOutput.has(name) || liveByName.has(name)),
      ...inputConflicts(targets, names),
      ...graph.#resolveAll(),
      ...live.flatMap(({ name, requests }) =>
        requests.flatMap((one) => (byOutput.has(one) ? [] : [graph.#unresolved(name, "requests", one)])),
      ),
    ];
    if (problems.length > 0) return err(problems);
    const cycle = graph.#inOrder ? undefined : findCycle(graph);
    if (cycle !== undefined) {
      const message = `targets depend on each other in a circle: ${circle(cycle)}.`;
      return err([problem(cycle[0] ?? "targets", message, "Remove one of these inputs.")]);
    }
    return ok(graph);
  }

  /** The target that makes this file, whichever of its outputs it is. */
  target(name: string): Target | undefined {
    return this.#byOutput.get(name);
  }

  liveTarget(name: string): LiveTarget | undefined {
    return this.#liveByName.get(name);
  }

  /** A target that must exist: the name came from this checked graph. */
  mustTarget(name: TargetName): Target {
    const target = this.#byOutput.get(name);
    if (target === undefined) throw new Error(`no target makes ${name}`);
    return target;
  }

  /** Whether any target has a tool among its inputs. */
  get usesTools(): boolean {
    return this.#usesTools;
  }

  /** The targets that one of this graph may be made from, each once. */
  madeFrom(target: Target): readonly Target[] {
    return this.#madeFrom.get(target) ?? [];
  }

  /** The known name most like a mistyped one, when one is near enough to be worth suggesting. */
  nearest(name: string): TargetName | undefined {
    return nearestName(name, [...this.#byOutput.keys(), ...this.#liveByName.keys()]) as TargetName | undefined;
  }

  #resolveAll(): readonly Problem[] {
    const problems: Problem[] = [];
    for (let at = 0; at < this.targets.length; at++) {
      const target = this.targets[at];
      if (target !== undefined) this.#resolveInputs(target, problems);
    }
    return problems;
  }

  /** Finds what a target is made from, and adds what is wrong with its inputs. Plain loops: it is done for each of thousands. */
  #resolveInputs(target: Target, problems: Problem[]): void {
    const { name: where, inputs, gate } = target;
    let from = NO_TARGETS;
    for (const input in inputs) {
      const declared = Object.hasOwn(inputs, input) ? inputs[input] : undefined;
      if (declared === undefined) continue;
      if (declared.kind === "file") addAll(problems, this.#checkFile(where, input, declared.path));
      if (declared.kind === "glob") addAll(problems, globsOutside(where, input, declared.patterns));
      if (declared.kind === "tool") this.#usesTools = true;
      const names = referencedTargets(declared);
      for (let at = 0; at < names.length; at++) {
        const name = names[at];
        const made = name === undefined ? undefined : this.#byOutput.get(name);
        if (made !== undefined) {
          // A list that begins with one has no room for others: most stay so.
          if (from.length === 0) from = [made];
          else from.push(made);
          this.#inOrder &&= this.#madeFrom.has(made);
        } else problems.push(this.#unresolved(where, input, String(name)));
      }
    }
    this.#madeFrom.set(target, from.length > 1 ? [...new Set(from)] : from);
    if (gate !== undefined && Object.hasOwn(inputs, "answers")) {
      // One would silently take the other's place.
      const message = 'it declares an input "answers", which is the name of what its gate lets through.';
      problems.push(problem(where, message, "Name the input otherwise."));
    }
    if (gate !== undefined && !Object.values(inputs).some((i) => i.kind === "target" && i.target === gate.requests)) {
      const message = `its gate waits for the answers to ${gate.requests}, which is not among its inputs.`;
      problems.push(problem(where, message, "Declare the request file as an input."));
    }
  }

  #checkFile(where: TargetName, input: string, path: string): Problem[] {
    const problems = outsideProject(where, input, path);
    if (this.#liveByName.has(path)) problems.push(viewAsInput(where, input, path));
    if (this.#byOutput.has(path)) {
      const message = `input "${input}" declares ${path} as a file, but a target makes it.`;
      problems.push(problem(where, message, 'Declare it with kind: "target", so that it is built first.'));
    }
    return problems;
  }

  /** What is wrong with the name of a target that is none. */
  #unresolved(where: TargetName, input: string, name: string): Problem {
    if (this.#liveByName.has(name)) return viewAsInput(where, input, name);
    const near = this.nearest(name);
    const fix = near === undefined ? "Declare such a target." : `Did you mean ${near}?`;
    return problem(where, `input "${input}" names ${name}, which no target makes.`, fix);
  }
}

const NO_TARGETS: Target[] = [];

function addAll(problems: Problem[], more: readonly Problem[]): void {
  for (const one of more) problems.push(one);
}

/** What targets contradict each other in. */
function problem(where: string, message: string, fix: string): Problem {
  return { kind: "graph", where, message, fix };
}

/** The targets an input may come from; for an expansion, all it may choose among. */
export function referencedTargets(input: Input): readonly TargetName[] {
  switch (input.kind) {
    case "target":
      return [input.target];
    case "targets":
      return input.targets;
    case "expand":
      return input.candidates;
    case "file":
    case "glob":
    case "value":
    case "env":
    case "tool":
    case "module":
      return [];
  }
}

/** The candidate most like `name`, or undefined when none differs by less than half its length. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  if (candidates.length === 0) return undefined;
  const best = closest(name, [...candidates]);
  return distance(name, best) <= Math.max(name.length, best.length) / 2 ? best : undefined;
}

function claimOutputs(target: Target, byOutput: Map<string, Target>, problems: Problem[]): void {
  if (target.outputs[0] !== target.name) {
    const first = target.outputs[0] ?? "missing";
    const message = `its first output is ${first}, but a target is named by its first output.`;
    problems.push(problem(target.name, message, "List the target's own name first among its outputs."));
  }
  for (let at = 0; at < target.outputs.length; at++) {
    const output = target.outputs[at];
    if (output === undefined) continue;
    const checked = targetName(output);
    if (!checked.ok || checked.value !== output) {
      const why = checked.ok ? `it is written as ${output} but means ${checked.value}` : checked.error;
      const fix = "Name targets by a plain path from the project root, with / and without . or .. segments.";
      problems.push(problem(output, `not a target's name: ${why}.`, fix));
    }
    if (byOutput.has(output)) problems.push(duplicateName(output));
    byOutput.set(output, target);
  }
}

function outsideProject(where: TargetName, input: string, path: string): Problem[] {
  const checked = projectPath(path);
  if (checked.ok && checked.value === path) return [];
  const why = checked.ok ? `write it as ${checked.value}` : checked.error;
  const message = `input "${input}" declares the file ${path}: ${why}.`;
  return [problem(where, message, "Declare files by their plain path from the project root.")];
}

/** Globs are checked where they start; what a pattern matches lies below that. */
function globsOutside(where: TargetName, input: string, patterns: readonly string[]): Problem[] {
  return patterns
    .filter((pattern) => pattern.replace(/^!/, "").startsWith("/") || pattern.split("/").includes(".."))
    .map((pattern) => {
      const message = `input "${input}" declares the glob ${pattern}, which leaves the project.`;
      return problem(where, message, "Write globs from the project root, without a .. segment.");
    });
}

function viewAsInput(where: TargetName, input: string, name: string): Problem {
  const message = `input "${input}" names ${name}, a view of the remote jobs that no target may be made from.`;
  return problem(where, message, "Depend on the request files or the outputs instead.");
}

function duplicateName(name: string): Problem {
  const fix = "Rename one of them (two tasks need two different `output` files).";
  return problem(name, "two targets make this file.", fix);
}

/** Depth-first with an explicit stack: a chain of 100,000 targets must not overflow the call stack. */
function findCycle(graph: Graph): readonly string[] | undefined {
  const done = new Set<Target>();
  const onPath = new Set<Target>();
  for (const root of graph.targets) {
    if (done.has(root)) continue;
    const path: { readonly target: Target; readonly next: Iterator<Target> }[] = [];
    const enter = (target: Target) => {
      onPath.add(target);
      path.push({ target, next: graph.madeFrom(target)[Symbol.iterator]() });
    };
    enter(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const step = top.next.next();
      if (step.done === true) {
        onPath.delete(top.target);
        done.add(top.target);
        path.pop();
        continue;
      }
      const target = step.value;
      if (done.has(target)) continue;
      if (onPath.has(target)) {
        const names = path.map((frame) => frame.target.name);
        return [...names.slice(names.indexOf(target.name)), target.name];
      }
      enter(target);
    }
  }
  return undefined;
}

/** A cycle as a person can read it: the middle of a long one is only counted. */
function circle(names: readonly string[]): string {
  const shown = names.length <= 10 ? names : [...names.slice(0, 5), `(${names.length - 9} more)`, ...names.slice(-4)];
  return shown.join(" → ");
}
