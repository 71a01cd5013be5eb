import { readFile } from "node:fs/promises";
import { fingerprintOf } from "../graph/digest.ts";
import { referencedTargets } from "../graph/graph.ts";
import type { JsonObject } from "../graph/json.ts";
import type { TargetName } from "../graph/names.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import type { Result } from "../graph/result.ts";
import type { StaleReason, TargetState } from "../graph/state.ts";
import type { LiveTarget, PoolName, Target } from "../graph/target.ts";
import { type Action, type ActionSources, type Artifact, resolveAction } from "./action.ts";
import { type DecideSources, decide } from "./decide.ts";
import type { Emit } from "./events.ts";
import { type ExpansionStep, expand } from "./expansion.ts";
import type { Answers, GateNeed, GateView } from "./gate.ts";
import type { ActionCache, Clock, Trace } from "./ports.ts";

/*
 * The one walk over the graph that build, plan, status and explain share (promise 5). It goes from the goals down,
 * decides every target whose inputs are at hand, and hands the rest to `effects`: a build runs and sends, a plan does
 * neither. The order is: decide all that can be decided; then run; and only when nothing is left to decide or run, ask
 * the provider. So an expansion that already has enough never asks for more, and what asking costs is known whole.
 */

/** How a target stands once nothing more can happen to it in this walk. */
export type Settled =
  | { readonly kind: "ready"; readonly state: TargetState; readonly artifacts: readonly Artifact[] }
  | { readonly kind: "failed"; readonly problem: Problem; readonly refused: boolean };

export interface Done {
  readonly artifacts: readonly Artifact[];
  readonly notes: JsonObject;
  readonly changed: boolean;
  readonly durationMs: number;
}

/** What is done about a decision: a build does it, a plan mostly does not. */
export interface Effects {
  /** False: this walk leaves the target as it is, and what depends on its bytes stays unknown. */
  makes(target: Target): boolean;
  build(action: Action, edited: readonly TargetName[], need: GateNeed | undefined): Promise<Result<Done, Problem>>;
  restore(action: Action, trace: Trace, edited: readonly TargetName[]): Promise<Result<Done, Problem>>;
  /** Undefined: this walk does not talk to the provider. */
  readonly provider: ProviderEffects | undefined;
}

export interface ProviderEffects {
  open(needs: readonly GateNeed[]): Promise<ReadonlyMap<TargetName, GateView>>;
  poll(): Promise<boolean>;
}

export interface WalkOptions {
  readonly sources: ActionSources & DecideSources;
  readonly actions: ActionCache;
  readonly answers: Answers;
  readonly effects: Effects;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly pools: Readonly<Record<PoolName, number>>;
  readonly keepGoing: boolean;
  /** Goes on polling until nothing waits any more. */
  readonly wait: boolean;
  readonly signal: AbortSignal;
}

/** One target in the walk. */
export interface Node {
  readonly target: Target;
  /** Targets it is made from, as far as known: static inputs, then what its expansion wants or chose. */
  readonly fixed: readonly Target[];
  wanted: readonly Target[];
  /** What its expansion settled on; undefined until then. */
  chosen: readonly TargetName[] | undefined;
  settled: Settled | undefined;
  /** Why it is to be made, once that was decided. */
  reasons: readonly StaleReason[] | undefined;
  restoring: boolean;
  need: GateNeed | undefined;
  view: GateView | undefined;
  action: Action | undefined;
  phase: "idle" | "queued" | "running";
}

interface Runnable {
  readonly node: Node;
  /** It was needed when it could first have started: it is then run, even if an expansion settles without it meanwhile. */
  committed: boolean;
  readonly run: () => Promise<Result<Done, Problem>>;
  readonly state: (done: Done) => TargetState;
}

export class Walk {
  readonly nodes = new Map<Target, Node>();
  readonly #options: WalkOptions;
  readonly #goals: Node[] = [];
  readonly #dependents = new Map<Target, Node[]>();
  readonly #artifacts = new Map<TargetName, Artifact>();
  readonly #liveGoals: LiveTarget[] = [];
  readonly #running: Record<PoolName, number> = { cpu: 0, io: 0 };
  readonly #inFlight = new Set<Promise<void>>();
  #dirty: Node[] = [];
  #queue: Runnable[] = [];
  #demandKnown: Set<Target> | undefined;
  #failed = false;

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  /** Adds a goal; call before `run`. */
  demandGoal(name: TargetName): void {
    const node = this.#demand(this.#options.sources.graph.mustTarget(name));
    if (!this.#goals.includes(node)) this.#goals.push(node);
  }

  artifact(name: TargetName): Artifact | undefined {
    return this.#artifacts.get(name);
  }

  /** Adds a live view as a goal: its request files are built, and what they ask is asked, without waiting. */
  demandLive(live: LiveTarget): void {
    for (const name of live.requests) this.demandGoal(name);
    this.#liveGoals.push(live);
  }

  /** Runs until nothing more can be done (or, with `wait`, until nothing waits), or the signal aborts. */
  async run(): Promise<void> {
    const { answers, clock, effects, signal, wait } = this.#options;
    let polled = false;
    for (;;) {
      await this.#decideAll();
      this.#startRunnable();
      if (this.#inFlight.size > 0) {
        await this.#nextCompletion();
        continue;
      }
      if (this.#stopping() || effects.provider === undefined) break;
      if (await this.#openGates(effects.provider)) continue;
      const waiting = this.#waitingNodes();
      if (waiting.length === 0 || (polled && !wait)) break;
      if (polled) await clock.sleep(answers.nextPollMs(), signal);
      if (signal.aborted) break;
      polled = true;
      await effects.provider.poll();
      this.#reassess(waiting);
    }
    await Promise.all(this.#inFlight);
  }

  /** True once a target failed and `--keep-going` was not given: nothing new is started, nothing is sent. */
  #stopping(): boolean {
    return this.#options.signal.aborted || (this.#failed && !this.#options.keepGoing);
  }

  async #decideAll(): Promise<void> {
    while (this.#dirty.length > 0) {
      const batch = this.#dirty;
      this.#dirty = [];
      for (const node of batch) await this.#evaluateSafely(node);
    }
  }

  /** Enters a target and all it is made from. Iterative: chains may be longer than the call stack. */
  #demand(root: Target): Node {
    const known = this.nodes.get(root);
    if (known !== undefined) return known;
    const graph = this.#options.sources.graph;
    const entered: Node[] = [];
    const pending = [root];
    for (let target = pending.pop(); target !== undefined; target = pending.pop()) {
      if (this.nodes.has(target)) continue;
      const names = Object.values(target.inputs).flatMap((input) =>
        input.kind === "expand" ? [] : referencedTargets(input),
      );
      const fixed = [...new Set(names.map((name) => graph.mustTarget(name)))];
      const node = newNode(target, fixed);
      this.nodes.set(target, node);
      entered.push(node);
      for (const dependency of fixed) {
        this.#link(dependency, node);
        pending.push(dependency);
      }
    }
    // Inputs were entered after what needs them: deciding in reverse decides most targets at the first attempt.
    this.#dirty.push(...entered.reverse());
    this.#demandKnown = undefined;
    const node = this.nodes.get(root);
    if (node === undefined) throw new Error(`${root.name} was not entered`);
    return node;
  }

  #link(dependency: Target, dependent: Node): void {
    const list = this.#dependents.get(dependency);
    if (list === undefined) this.#dependents.set(dependency, [dependent]);
    else list.push(dependent);
  }

  /** What cannot be looked at (a folder where a file should be, no permission) fails its target, not the build. */
  async #evaluateSafely(node: Node): Promise<void> {
    try {
      await this.#evaluate(node);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      this.#settle(node, { kind: "failed", problem: error.problem, refused: false });
    }
  }

  async #evaluate(node: Node): Promise<void> {
    if (node.settled !== undefined || node.phase !== "idle") return;
    if (!this.#inputsReady(node.fixed)) return;
    if (node.chosen === undefined && !(await this.#settleExpansion(node))) return;
    const gate = node.target.gate;
    if (gate === undefined) {
      this.#decide(node, undefined);
      return;
    }
    // A settled hit needs no look at the answers at all: a null build reads no response.
    const settledHash = this.#options.answers.namespace;
    const action = this.#resolve(node, settledHash);
    if (action === undefined) return;
    const hit = decide(this.#options.sources, action);
    if (hit.kind !== "build") {
      this.#decide(node, settledHash);
      return;
    }
    const artifact = this.#artifacts.get(gate.requests);
    if (artifact === undefined) throw new Error(`${node.target.name}: ${gate.requests} is ready but has no artifact`);
    node.need = { ...needOf(gate.requests, node.target.task, artifact), target: node.target.name };
    node.reasons = hit.reasons;
    this.#applyView(node, node.view ?? this.#options.answers.assess(node.need));
  }

  #applyView(node: Node, view: GateView): void {
    node.view = view;
    switch (view.state) {
      case "answered":
        this.#decide(
          node,
          view.settled ? this.#options.answers.namespace : `${this.#options.answers.namespace} ${view.hash}`,
        );
        return;
      case "refused":
      case "failed":
        this.#settle(node, { kind: "failed", problem: view.problem, refused: view.state === "refused" });
        return;
      case "waiting":
      case "needed":
        return;
    }
  }

  #inputsReady(targets: readonly Target[]): boolean {
    return targets.every((target) => this.nodes.get(target)?.settled?.kind === "ready");
  }

  /** Takes an expansion as far as the built targets allow. True when it is final (or there is none). */
  async #settleExpansion(node: Node): Promise<boolean> {
    const input = Object.values(node.target.inputs).find((declared) => declared.kind === "expand");
    if (input === undefined) {
      node.chosen = [];
      return true;
    }
    for (;;) {
      const built = new Map<TargetName, Artifact>();
      for (const target of node.wanted) {
        for (const name of target.outputs) {
          const artifact = this.#artifacts.get(name);
          if (artifact !== undefined) built.set(name, artifact);
        }
      }
      const step = await expand(input, built, {
        ...this.#options.sources,
        actions: this.#options.actions,
        read: readFile,
      });
      if (!step.ok) {
        this.#settle(node, { kind: "failed", problem: { ...step.error, where: node.target.name }, refused: false });
        return false;
      }
      if (step.value.state === "final") {
        node.chosen = step.value.targets;
        node.wanted = this.#targetsOf(step.value);
        this.#demandKnown = undefined;
        return true;
      }
      const fresh = this.#targetsOf(step.value).filter((target) => !node.wanted.includes(target));
      for (const target of fresh) {
        this.#demand(target);
        this.#link(target, node);
      }
      node.wanted = [...node.wanted, ...fresh];
      this.#demandKnown = undefined;
      // Those not ready yet bring this node back when they are; ask again only about those that already were.
      if (!fresh.some((target) => this.nodes.get(target)?.settled?.kind === "ready")) return false;
    }
  }

  #targetsOf(step: ExpansionStep): Target[] {
    const names = step.state === "final" ? step.targets : step.want;
    return [...new Set(names.map((name) => this.#options.sources.graph.mustTarget(name)))];
  }

  #resolve(node: Node, gateHash: string | undefined): Action | undefined {
    const artifact = (name: TargetName): Artifact => {
      const found = this.#artifacts.get(name);
      if (found === undefined) throw new Error(`${node.target.name}: ${name} is not ready`);
      return found;
    };
    const hash = gateHash === undefined ? undefined : fingerprintOf(gateHash);
    const action = resolveAction(this.#options.sources, node.target, artifact, node.chosen ?? [], hash);
    if (action.ok) return action.value;
    this.#settle(node, { kind: "failed", problem: action.error, refused: false });
    return undefined;
  }

  #decide(node: Node, gateHash: string | undefined): void {
    const action = this.#resolve(node, gateHash);
    if (action === undefined) return;
    node.action = action;
    const { sources, effects } = this.#options;
    const verdict = decide(sources, action);
    switch (verdict.kind) {
      case "fresh": {
        const digests = verdict.artifacts.map((artifact) => artifact.digest);
        if (sources.workspace.placement(node.target.name)?.key !== action.key) {
          sources.workspace.place(node.target.name, { key: action.key, outputs: digests });
        }
        this.#ready(node, { state: "fresh" }, verdict.artifacts);
        return;
      }
      case "restore":
        node.restoring = true;
        this.#queue.push({
          node,
          committed: false,
          run: () => effects.restore(action, verdict.trace, verdict.edited),
          state: () => ({ state: "restored", reason: verdict.reason }),
        });
        node.phase = "queued";
        return;
      case "build":
        node.reasons = verdict.reasons;
        if (!effects.makes(node.target)) return;
        node.phase = "queued";
        this.#queue.push({
          node,
          committed: false,
          run: () => effects.build(action, verdict.edited, node.need),
          state: (done) => ({ state: "built", changed: done.changed }),
        });
        return;
    }
  }

  #startRunnable(): void {
    if (this.#stopping()) return;
    const demanded = this.#demanded();
    const later: Runnable[] = [];
    for (const job of this.#queue) {
      const pool = job.node.target.pool;
      job.committed ||= demanded.has(job.node.target);
      if (!job.committed || this.#running[pool] >= this.#options.pools[pool]) {
        later.push(job);
        continue;
      }
      this.#start(job);
    }
    this.#queue = later;
  }

  #start(job: Runnable): void {
    const { node } = job;
    const pool = node.target.pool;
    node.phase = "running";
    this.#running[pool]++;
    if (!node.restoring) this.#emitState(node, { state: "building" }, null);
    const finish = async () => {
      const result = await job.run();
      this.#running[pool]--;
      if (result.ok) this.#ready(node, job.state(result.value), result.value.artifacts, result.value);
      else this.#settle(node, { kind: "failed", problem: result.error, refused: false });
    };
    const promise: Promise<void> = finish().finally(() => this.#inFlight.delete(promise));
    this.#inFlight.add(promise);
  }

  /** While actions run, the provider is still looked at when it is time to: a long validation delays no download. */
  async #nextCompletion(): Promise<void> {
    const { answers, clock, effects } = this.#options;
    const waiting = this.#waitingNodes();
    if (waiting.length === 0 || !this.#options.wait || effects.provider === undefined) {
      await Promise.race(this.#inFlight);
      return;
    }
    const timer = new AbortController();
    const tick = clock.sleep(answers.nextPollMs(), timer.signal).then(() => "tick" as const);
    const first = await Promise.race([tick, Promise.race(this.#inFlight).then(() => "done" as const)]);
    timer.abort();
    if (first === "tick" && !this.#stopping()) {
      await effects.provider.poll();
      this.#reassess(waiting);
    }
  }

  async #openGates(provider: ProviderEffects): Promise<boolean> {
    const demanded = this.#demanded();
    const asking = [...this.nodes.values()].filter(
      (node) => node.settled === undefined && node.view?.state === "needed" && demanded.has(node.target),
    );
    const needs = asking.flatMap((node) => (node.need === undefined ? [] : [node.need]));
    for (const live of this.#liveGoals.splice(0)) {
      for (const name of live.requests) {
        const artifact = this.#artifacts.get(name);
        if (artifact === undefined || needs.some((need) => need.requestFile === name)) continue;
        const need = needOf(name, live.task, artifact);
        if (this.#options.answers.assess(need).state === "needed") needs.push(need);
      }
    }
    if (needs.length === 0) return false;
    const views = await provider.open(needs);
    let moved = false;
    for (const node of asking) {
      const view = views.get(node.target.name);
      if (view === undefined || view.state === "needed") continue;
      moved = true;
      this.#applyView(node, view);
    }
    return moved;
  }

  #waitingNodes(): Node[] {
    const demanded = this.#demanded();
    return [...this.nodes.values()].filter(
      (node) => node.settled === undefined && node.view?.state === "waiting" && demanded.has(node.target),
    );
  }

  #reassess(waiting: readonly Node[]): void {
    for (const node of waiting) {
      if (node.need !== undefined && node.settled === undefined)
        this.#applyView(node, this.#options.answers.assess(node.need));
    }
  }

  /** What the goals still reach: an expansion that is final no longer reaches what it did not choose. */
  #demanded(): Set<Target> {
    if (this.#demandKnown !== undefined) return this.#demandKnown;
    const reached = new Set<Target>();
    const pending = this.#goals.map((goal) => goal.target);
    for (let target = pending.pop(); target !== undefined; target = pending.pop()) {
      if (reached.has(target)) continue;
      reached.add(target);
      const node = this.nodes.get(target);
      if (node !== undefined) pending.push(...node.fixed, ...node.wanted);
    }
    this.#demandKnown = reached;
    return reached;
  }

  /** Whether the goals still need this target. */
  demands(target: Target): boolean {
    return this.#demanded().has(target);
  }

  dependentsOf(target: Target): readonly Node[] {
    return this.#dependents.get(target) ?? [];
  }

  #ready(node: Node, state: TargetState, artifacts: readonly Artifact[], done?: Done): void {
    for (const artifact of artifacts) this.#artifacts.set(artifact.name, artifact);
    this.#settle(node, { kind: "ready", state, artifacts }, done);
  }

  #settle(node: Node, settled: Settled, done?: Done): void {
    node.settled = settled;
    node.phase = "idle";
    if (settled.kind === "failed" && !settled.refused) this.#failed = true;
    this.#emitState(node, stateOf(settled), done?.durationMs ?? null);
    this.#dirty.push(...this.dependentsOf(node.target));
  }

  #emitState(node: Node, state: TargetState, durationMs: number | null): void {
    const { name, stage, task } = node.target;
    this.#options.emit({ type: "target", target: name, stage, task: task ?? null, state, durationMs });
  }
}

function stateOf(settled: Settled): TargetState {
  return settled.kind === "ready" ? settled.state : { state: "failed", problem: settled.problem };
}

function needOf(requests: TargetName, task: string | undefined, artifact: Artifact): GateNeed {
  return {
    target: requests,
    task,
    requestFile: requests,
    requestsDigest: artifact.digest,
    requestsPath: artifact.path,
  };
}

function newNode(target: Target, fixed: readonly Target[]): Node {
  return {
    target,
    fixed,
    wanted: [],
    chosen: undefined,
    settled: undefined,
    reasons: undefined,
    restoring: false,
    need: undefined,
    view: undefined,
    action: undefined,
    phase: "idle",
  };
}
