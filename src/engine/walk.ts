import { readFile } from "node:fs/promises";
import { fingerprintOf } from "../graph/digest.ts";
import type { TargetName } from "../graph/names.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import type { TargetState } from "../graph/state.ts";
import type { LiveTarget, PoolName, Target } from "../graph/target.ts";
import { type Action, type ActionSources, type Artifact, resolveAction } from "./action.ts";
import { type DecideSources, decide } from "./decide.ts";
import type { Effects, ProviderEffects } from "./effects.ts";
import type { Emit } from "./events.ts";
import { expand } from "./expansion.ts";
import type { Answers, GateView } from "./gate.ts";
import { type Done, type Node, needOf, type Settled, stateOf } from "./node.ts";
import type { ActionCache, Clock } from "./ports.ts";
import { Reach } from "./reach.ts";
import { type Runnable, Workers } from "./workers.ts";

/*
 * The one walk over the graph that build, plan, status and explain share (promise 5). It goes from the goals down,
 * decides every target whose inputs are at hand, and hands the rest to `effects`: a build runs and sends, a plan does
 * neither. The order is: decide all that can be decided; then run; and only when nothing is left to decide or run, ask
 * the provider. So an expansion that already has enough never asks for more, and what asking costs is known whole.
 */

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

export class Walk {
  readonly #options: WalkOptions;
  readonly #reach: Reach;
  readonly #artifacts = new Map<TargetName, Artifact>();
  readonly #liveGoals: LiveTarget[] = [];
  readonly #workers: Workers;
  readonly #lostOnce = new Set<Node>();
  #dirty: Node[] = [];
  #failed = false;

  constructor(options: WalkOptions) {
    this.#options = options;
    this.#workers = new Workers(options.pools);
    this.#reach = new Reach(options.sources.graph);
  }

  /** Every target the walk has entered, in that order. */
  get nodes(): ReadonlyMap<Target, Node> {
    return this.#reach.nodes;
  }

  /** Adds a goal; call before `run`. */
  demandGoal(name: TargetName): void {
    this.#reach.addGoal(this.#demand(this.#options.sources.graph.mustTarget(name)));
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
    const { answers, clock, effects, emit, signal, wait } = this.#options;
    let polled = false;
    for (;;) {
      await this.#decideAll();
      this.#startRunnable();
      if (this.#workers.busy) {
        await this.#nextCompletion();
        continue;
      }
      if (this.#stopping() || effects.provider === undefined) break;
      if (await this.#openGates(effects.provider)) continue;
      const waiting = this.#waitingNodes();
      if (waiting.length === 0 || (polled && !wait)) break;
      if (polled) {
        emit({ type: "look", inMs: answers.nextPollMs() });
        await clock.sleep(answers.nextPollMs(), signal);
      }
      if (signal.aborted) break;
      polled = true;
      await effects.provider.poll();
      this.#reassess(waiting);
    }
    await this.#workers.drain();
    // A failure that is there from the start must not keep paid answers of other targets at the provider until they expire.
    if (!polled && !signal.aborted && this.#waitingNodes().length > 0) await effects.provider?.look();
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

  #demand(root: Target): Node {
    this.#dirty.push(...this.#reach.enter(root));
    return this.#reach.node(root);
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
      node.note = step.value.note;
      if (step.value.state === "final") {
        node.chosen = step.value.targets;
        node.wanted = this.#reach.targetsOf(step.value.targets);
        this.#reach.changed();
        return true;
      }
      const fresh = this.#reach.targetsOf(step.value.want).filter((target) => !node.wanted.includes(target));
      for (const target of fresh) {
        this.#demand(target);
        this.#reach.link(target, node);
      }
      node.wanted = [...node.wanted, ...fresh];
      this.#reach.changed();
      // Those not ready yet bring this node back when they are; ask again only about those that already were.
      if (!fresh.some((target) => this.nodes.get(target)?.settled?.kind === "ready")) return false;
    }
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
    const enqueue = (run: Runnable["run"], state: TargetState | Runnable["state"]) =>
      this.#workers.enqueue({ node, run, state: typeof state === "function" ? state : () => state });
    switch (verdict.kind) {
      case "fresh": {
        if (sources.workspace.placement(node.target.name)?.key !== action.key) {
          const outputs = verdict.artifacts.map((artifact) => artifact.digest);
          sources.workspace.place(node.target.name, { key: action.key, outputs });
        }
        const { again } = effects;
        if (again === undefined) this.#ready(node, { state: "fresh" }, verdict.artifacts);
        else enqueue(() => again(action, verdict.artifacts), { state: "fresh" });
        return;
      }
      case "restore": {
        const { trace, edited, reason } = verdict;
        node.restoring = true;
        enqueue(() => effects.restore(action, trace, edited), { state: "restored", reason });
        return;
      }
      case "build":
        node.reasons = verdict.reasons;
        if (!effects.makes(node.target)) return;
        enqueue(
          () => effects.build(action, verdict.edited, node.need),
          (done) => ({ state: "built", changed: done.changed }),
        );
        return;
    }
  }

  #startRunnable(): void {
    if (this.#stopping()) return;
    this.#workers.start(
      this.#reach.demanded(),
      ({ node }) => {
        if (!node.restoring) this.#emitState(node, { state: "building" }, null);
      },
      ({ node, state }, result) => {
        if (result.ok) this.#ready(node, state(result.value), result.value.artifacts, result.value);
        else if (this.#lostItsBlob(node, result.error)) this.#dirty.push(node);
        else this.#settle(node, { kind: "failed", problem: result.error, refused: false });
      },
    );
  }

  /**
   * A blob that turns out to be damaged when it is restored is in quarantine by now: the same decision, taken again, finds
   * it gone and makes it anew. Once only, so that a store that loses what it is given is reported.
   */
  #lostItsBlob(node: Node, problem: Problem): boolean {
    const lost = node.restoring && (problem.kind === "corrupt" || problem.kind === "missing-input");
    if (!lost || this.#lostOnce.has(node)) return false;
    this.#lostOnce.add(node);
    node.restoring = false;
    node.phase = "idle";
    return true;
  }

  /** While actions run, the provider is still looked at when it is time to: a long validation delays no download. */
  async #nextCompletion(): Promise<void> {
    const { answers, clock, effects } = this.#options;
    const waiting = this.#waitingNodes();
    if (waiting.length === 0 || !this.#options.wait || effects.provider === undefined) {
      await this.#workers.next();
      return;
    }
    const timer = new AbortController();
    const tick = clock.sleep(answers.nextPollMs(), timer.signal).then(() => "tick" as const);
    const first = await Promise.race([tick, this.#workers.next().then(() => "done" as const)]);
    timer.abort();
    if (first === "tick" && !this.#stopping()) {
      await effects.provider.poll();
      this.#reassess(waiting);
    }
  }

  async #openGates(provider: ProviderEffects): Promise<boolean> {
    const demanded = this.#reach.demanded();
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
    const demanded = this.#reach.demanded();
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

  /** Whether the goals still need this target. */
  demands(target: Target): boolean {
    return this.#reach.demanded().has(target);
  }

  dependentsOf(target: Target): readonly Node[] {
    return this.#reach.dependentsOf(target);
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
