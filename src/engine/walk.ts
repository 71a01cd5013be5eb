import { type ActionKey, fingerprintOf } from "../graph/digest.ts";
import type { TargetName } from "../graph/names.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import type { Result } from "../graph/result.ts";
import type { TargetState, WaitingElsewhere } from "../graph/state.ts";
import type { LiveTarget, PoolName, Target } from "../graph/target.ts";
import { type Artifact, resolveAction, withGate } from "./action.ts";
import { ClosedGates } from "./closed-gates.ts";
import { decide } from "./decide.ts";
import type { Effects, EngineOptions, GateEffects } from "./effects.ts";
import { Elsewhere } from "./elsewhere.ts";
import { Entered } from "./entered.ts";
import { expand } from "./expand.ts";
import { chosenOf } from "./expansion.ts";
import type { Ask, GateNeed, GateView } from "./gate.ts";
import { type Dependent, type Done, endOf, isLostBlob, type Job, type Node, needOf, reasonsOf } from "./node.ts";
import { type Completion, type Entry, Pools } from "./pools.ts";
import { StageTotals } from "./stage-totals.ts";
import { waitFor } from "./wait.ts";

/*
 * The one walk over the graph that build, plan, status and explain share (promise 5). It goes from the goals down,
 * decides every target whose inputs are at hand, and hands the rest to `effects`: a build runs and asks, a plan does
 * neither. The order is: decide all that can be decided; then run; and only when nothing is left to decide or run, open
 * the gates. So an expansion that already has enough never asks for more, and what asking takes is known whole.
 */

export interface WalkOptions
  extends Omit<EngineOptions, "stagingRoot" | "editedFolder" | "jobs" | "twice" | "local" | "elsewhere"> {
  readonly effects: Effects;
  readonly pools: Readonly<Record<PoolName, number>>;
}

export class Walk {
  readonly #options: WalkOptions;
  readonly #entered: Entered;
  readonly #pools: Pools;
  readonly #artifacts = new Map<TargetName, Artifact>();
  readonly #goals = new Set<Node>();
  readonly #liveGoals: LiveTarget[] = [];
  /** Nodes whose turn to be decided comes after all that is to be looked at now, in this order. */
  #arrived: Node[] = [];
  /** Nodes to be decided, the next one last: what follows from a decision is looked at before what lies elsewhere. */
  readonly #ready: Node[] = [];
  /** Nodes whose expansions are to be asked, once everything else is decided: each is asked with all there is. */
  readonly #expanding = new Set<Node>();
  /** Nodes to be made, if nobody else has: they are asked about together. */
  #unasked: { readonly node: Node; readonly key: ActionKey }[] = [];
  readonly #gates = new ClosedGates();
  readonly #elsewhere: Elsewhere;
  readonly #lostOnce = new Set<Node>();
  #failed = false;
  readonly #stages = new StageTotals();

  constructor(options: WalkOptions) {
    this.#options = options;
    this.#pools = new Pools(options.pools);
    this.#entered = new Entered(options.sources.graph);
    this.#elsewhere = new Elsewhere(options.effects.elsewhere);
  }

  /** Every target that the goals still need, in the order in which the walk entered them. */
  get needed(): readonly Node[] {
    return this.#entered.needed;
  }

  node(target: Target): Node | undefined {
    return this.#entered.get(target);
  }

  /** Adds a goal; call before `run`. */
  addGoal(name: TargetName): void {
    const node = this.#enter(this.#options.sources.graph.mustTarget(name));
    if (this.#goals.has(node)) return;
    this.#goals.add(node);
    this.#entered.claim(node);
  }

  /** Adds a live view as a goal: its request files are built, and what they ask is asked, without waiting. */
  addLiveGoal(live: LiveTarget): void {
    for (const name of live.requests) this.addGoal(name);
    this.#liveGoals.push(live);
  }

  /** Runs until nothing more can be done (or, with `wait`, until nothing waits), or the signal aborts. */
  async run(): Promise<void> {
    const { effects, emit, signal, wait } = this.#options;
    let looked = false;
    for (;;) {
      await this.#decideAll();
      this.#stages.tell(this.#entered, this.#options.emit);
      if (!this.#stopping()) {
        this.#pools.start(this.#entered.grown, (entry, made) => this.#run(entry, made));
        this.#elsewhere.start(this.#pools.busy);
      }
      if (this.#isBusy()) {
        await this.#nextCompletion();
        continue;
      }
      if (this.#stopping() || effects.gate === undefined) break;
      if (await this.#openGates(effects.gate)) continue;
      if (!this.#waits() || (looked && wait !== true)) break;
      if (looked) {
        const inMs = this.#nextLookMs();
        emit({ type: "look", inMs });
        await waitFor(inMs, this.#options);
      }
      if (signal.aborted) break;
      looked = true;
      await this.#look(effects.gate);
    }
    while (this.#isBusy()) await this.#nextCompletion();
    // A failure that is there from the start must not keep paid answers of other targets where they expire.
    if (!looked && !signal.aborted && this.#gates.waits()) await effects.gate?.look();
  }

  #isBusy(): boolean {
    return this.#pools.busy || this.#elsewhere.busy;
  }

  #waits(): boolean {
    return this.#gates.waits() || this.#elsewhere.waits();
  }

  /** How long until the first of those that are waited for is worth a look. */
  #nextLookMs(): number {
    const gates = this.#gates.waits() ? this.#options.answers.nextPollMs() : Number.POSITIVE_INFINITY;
    return Math.min(gates, this.#elsewhere.nextLookMs());
  }

  /** True once a target failed and `--keep-going` was not given: nothing new is started, nothing is asked. */
  #stopping(): boolean {
    return this.#options.signal.aborted || (this.#failed && this.#options.keepGoing !== true);
  }

  #enter(target: Target): Node {
    const { node, entered } = this.#entered.enter(target);
    for (const one of entered) if (one.missing === 0) this.#arrived.push(one);
    return node;
  }

  async #decideAll(): Promise<void> {
    for (;;) {
      const node = this.#ready.pop();
      if (node !== undefined) {
        this.#attempt(node, () => this.#decide(node));
        continue;
      }
      for (let last = this.#arrived.pop(); last !== undefined; last = this.#arrived.pop()) this.#ready.push(last);
      if (this.#ready.length > 0 || (await this.#askOthers())) continue;
      const [open] = this.#expanding;
      if (open === undefined) return;
      this.#expanding.delete(open);
      if (open.state.kind !== "wanted") continue;
      try {
        if (await this.#expand(open)) this.#resolve(open);
      } catch (error) {
        this.#caught(open, error);
      }
    }
  }

  async #askOthers(): Promise<boolean> {
    const unasked = this.#unasked;
    this.#unasked = [];
    if (unasked.length > 0) await this.#options.sources.shared?.ask(unasked.map(({ key }) => key));
    for (const { node } of unasked.toReversed()) this.#ready.push(node);
    return unasked.length > 0;
  }

  #attempt(node: Node, decide: () => void): void {
    try {
      decide();
    } catch (error) {
      this.#caught(node, error);
    }
  }

  /** What cannot be looked at (a folder where a file should be, no permission) fails its target, not the build. */
  #caught(node: Node, error: unknown): void {
    if (!(error instanceof ProblemError)) throw error;
    this.#fail(node, error.problem);
  }

  #decide(node: Node): void {
    if (node.state.kind !== "wanted") return;
    if (node.groups.some(({ chosen }) => chosen === undefined)) this.#expanding.add(node);
    else this.#resolve(node);
  }

  /** Takes a node's expansions as far as the built targets allow. True when all are settled. */
  async #expand(node: Node): Promise<boolean> {
    const sources = { ...this.#options.sources, actions: this.#options.actions };
    const settled = await expand(node, sources, this.#entered, (target) => this.#enter(target));
    if (!settled.ok) this.#fail(node, settled.error);
    return settled.ok && settled.value;
  }

  /** An action whose inputs are all there, decided; with a gate, as far as that lets it. */
  #resolve(node: Node): void {
    const { sources, answers } = this.#options;
    const closed = node.target.gate;
    // With all answers in, the key is known: a null build reads no response.
    const gateHash = closed === undefined ? undefined : fingerprintOf(answers.namespace);
    const action = resolveAction(sources, node.target, this.#artifact, chosenOf(node.groups), gateHash);
    if (!action.ok) {
      this.#fail(node, action.error);
      return;
    }
    const verdict = decide(sources, action.value);
    const { key } = action.value;
    // What a plan makes is cheap: sooner made than asked for.
    const cheap = closed !== undefined || node.target.evaluateInPlan === true;
    if (verdict.kind === "build" && !cheap && sources.shared?.asked(key) === false) {
      this.#unasked.push({ node, key });
      return;
    }
    if (closed === undefined || verdict.kind !== "build") {
      this.#act(node, { action: action.value, verdict, need: undefined }, undefined);
      return;
    }
    const need = needOf(node.target.name, this.#artifact(closed.requests), node.target.task);
    this.#through(node, { action: action.value, verdict, need }, need, answers.assess(need));
  }

  readonly #artifact = (name: TargetName): Artifact => {
    const found = this.#artifacts.get(name);
    if (found === undefined) throw new Error(`${name} is not ready`);
    return found;
  };

  /** What its gate says of a target that is to be made of what the gate lets through. */
  #through(node: Node, job: Job, need: GateNeed, view: GateView): void {
    switch (view.state) {
      case "answered": {
        const { sources, answers } = this.#options;
        const hash = fingerprintOf(`${answers.namespace} ${view.hash}`);
        const action = view.settled ? job.action : withGate(job.action, hash);
        const verdict = view.settled ? job.verdict : decide(sources, action);
        this.#act(node, { action, verdict, need }, view.ask);
        break;
      }
      case "refused":
      case "failed":
        this.#fail(node, view.problem, view.state === "refused");
        break;
      case "waiting":
      case "needed":
        this.#gates.stop(node);
        node.state = { kind: "gated", job, need, view };
    }
  }

  /** Does what was decided, or puts it in its pool's queue. */
  #act(node: Node, job: Job, ask: Ask | undefined): void {
    const { sources, effects } = this.#options;
    const { verdict, action } = job;
    const { name } = node.target;
    this.#gates.leave(node);
    if (verdict.kind !== "fresh") sources.content.unnoted?.();
    else if (sources.workspace.placement(name)?.key !== action.key)
      sources.workspace.place(name, { key: action.key, outputs: verdict.artifacts.map(({ digest }) => digest) });
    if (verdict.kind === "fresh" && effects.again === undefined) {
      this.#settleReady(node, endOf(verdict, false), verdict.artifacts, null);
    } else if (verdict.kind === "build" && !effects.makes(node.target)) {
      node.state = { kind: "left", job, ask };
    } else if (this.#elsewhere.takes(job)) {
      node.state = { kind: "elsewhere", job, on: undefined };
      this.#elsewhere.add(node, job);
    } else {
      node.state = { kind: "queued", job };
      this.#pools.enqueue({ node, job });
    }
  }

  #run({ node, job }: Entry, made: () => void): Promise<Result<Done, Problem>> {
    const { effects } = this.#options;
    const { action, verdict, need } = job;
    node.state = { kind: "running", job };
    if (verdict.kind !== "restore") this.#emit(node, { state: "building" }, null);
    switch (verdict.kind) {
      case "fresh":
        return effects.again?.(action, verdict.artifacts) ?? Promise.reject(new Error("nothing is made again"));
      case "restore":
        return effects.restore(action, verdict.trace, verdict.edited);
      case "build":
        return effects.build(action, verdict.edited, need, made);
    }
  }

  #complete({ node, job, result }: Completion): void {
    if (result.ok) {
      const { artifacts, durationMs, changed } = result.value;
      this.#settleReady(node, endOf(job.verdict, changed), artifacts, durationMs);
    } else if (this.#lostItsBlob(node, result.error)) {
      node.state = { kind: "wanted" };
      this.#ready.push(node);
    } else {
      this.#fail(node, result.error);
    }
  }

  #waitElsewhere(node: Node, job: Job, on: WaitingElsewhere): void {
    const before = node.state.kind === "elsewhere" ? node.state.on : undefined;
    node.state = { kind: "elsewhere", job, on: { ...on } };
    if (before?.reason !== on.reason || before.job !== on.job)
      this.#emit(node, { state: "waiting", on: [], elsewhere: [on] }, null);
  }

  /** Whether it is to be decided once more: once only, so that a store that loses what it is given is reported. */
  #lostItsBlob(node: Node, problem: Problem): boolean {
    if (!isLostBlob(node, problem) || this.#lostOnce.has(node)) return false;
    this.#lostOnce.add(node);
    if (node.state.kind === "elsewhere") {
      const message = `${problem.where}: ${problem.message} It is made again.`;
      this.#options.emit({ type: "notice", level: "warning", code: "made-again", message });
    }
    return true;
  }

  /** While actions run, what is waited for is still looked at when it is time to: a long validation delays no download. */
  async #nextCompletion(): Promise<void> {
    const { clock, effects, wait } = this.#options;
    const ended = Promise.race([this.#pools.ended(), this.#elsewhere.ended()]);
    const inMs = this.#nextLookMs();
    if (wait !== true || effects.gate === undefined || inMs === Number.POSITIVE_INFINITY) {
      await ended;
    } else {
      const timer = new AbortController();
      const tick = clock.sleep(inMs, timer.signal).then(() => "tick" as const);
      const first = await Promise.race([tick, ended.then(() => "ended" as const)]);
      timer.abort();
      if (first === "tick" && !this.#stopping()) await this.#look(effects.gate);
    }
    for (const completion of this.#pools.take()) this.#complete(completion);
    for (const { node, job, end } of this.#elsewhere.take()) {
      if ("waiting" in end) this.#waitElsewhere(node, job, end.waiting);
      else this.#complete({ node, job, result: end });
    }
  }

  async #openGates(gate: GateEffects): Promise<boolean> {
    const closed = this.#gates.closed("needed");
    const needs = closed.map(({ state }) => state.need);
    const named = new Set(needs.map(({ requestFile }) => requestFile));
    for (const live of this.#liveGoals.splice(0)) {
      for (const name of live.requests) {
        const artifact = this.#artifacts.get(name);
        if (artifact === undefined || named.has(name)) continue;
        const need = needOf(name, artifact, live.task);
        named.add(name);
        if (this.#options.answers.assess(need).state === "needed") needs.push(need);
      }
    }
    if (needs.length === 0) return false;
    const views = await gate.open(needs);
    let moved = false;
    for (const { node, state } of closed) {
      const view = views.get(node.target.name);
      if (view === undefined || view.state === "needed") continue;
      moved = true;
      this.#attempt(node, () => this.#through(node, state.job, state.need, view));
    }
    return moved;
  }

  async #look(gate: GateEffects): Promise<void> {
    this.#elsewhere.look();
    if (!this.#gates.waits()) return;
    await gate.poll();
    for (const { node, state } of this.#gates.closed("waiting")) {
      this.#attempt(node, () => this.#through(node, state.job, state.need, this.#options.answers.assess(state.need)));
    }
  }

  #settleReady(node: Node, shown: TargetState, artifacts: readonly Artifact[], durationMs: number | null): void {
    for (const artifact of artifacts) this.#artifacts.set(artifact.name, artifact);
    node.state = { kind: "ready", shown, artifacts, reasons: reasonsOf(node) ?? [] };
    this.#emit(node, shown, durationMs);
    // The last pushed is decided first: they come in the order in which they were entered.
    for (let at = node.dependents.length - 1; at >= 0; at--) {
      const { node: dependent, group } = node.dependents[at] as Dependent;
      if (group === undefined) dependent.missing--;
      if (group === undefined && dependent.missing === 0) this.#ready.push(dependent);
      if (group?.add(artifacts) === true && dependent.missing === 0) this.#expanding.add(dependent);
    }
  }

  #fail(node: Node, problem: Problem, refused = false): void {
    this.#gates.leave(node);
    node.state = { kind: "failed", problem, refused, reasons: reasonsOf(node) ?? [] };
    this.#failed ||= !refused;
    this.#emit(node, { state: "failed", problem }, null);
  }

  #emit(node: Node, state: TargetState, durationMs: number | null): void {
    const { name, stage, task } = node.target;
    this.#options.emit({ type: "target", target: name, stage, task: task ?? null, state, durationMs });
  }
}
