import { readFile } from "node:fs/promises";
import { type Fingerprint, fingerprintOf, fingerprintOfJson } from "../graph/digest.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import { isOwnRecipe, type TargetName } from "../graph/names.ts";
import { type Problem, ProblemError, problemOfErrno, wordsOf } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Expansion, ExpansionModule, Input } from "../graph/target.ts";
import type { Artifact, Chosen } from "./action.ts";
import { runForeign } from "./foreign-code.ts";
import { guarded, guardFor } from "./guard.ts";
import type { ModuleIdentity } from "./kept-identity.ts";
import type { Modules } from "./modules.ts";
import type { ActionCache } from "./ports.ts";

export interface ExpansionSources {
  readonly projectRoot: string;
  readonly modules: Modules;
  readonly actions: ActionCache;
}

const NOTHING_CHOSEN: Chosen = new Map();

/** What inputs are made of that expansions choose, all of which are settled. */
export function chosenOf<N>(groups: readonly Group<N>[]): Chosen {
  if (groups.length === 0) return NOTHING_CHOSEN;
  return new Map(groups.flatMap((group) => [...(group.chosen ?? [])]));
}

export type ExpandInput = Extract<Input, { kind: "expand" }>;

/** Inputs of one target that one expansion chooses, as far as that has come; `N` are the walk's nodes. */
export class Group<N> {
  readonly input: ExpandInput;
  /** The names of the inputs, each with the part of the answer that it takes; undefined where the answer is one list. */
  readonly #parts = new Map<string, string | undefined>();
  /** The targets it wants, or chose. */
  readonly wanted = new Set<N>();
  /** What each input is made of; undefined until it is settled. */
  chosen: ReadonlyMap<string, readonly TargetName[]> | undefined;
  /** What the module noted when it was last asked. */
  note: JsonObject | undefined;
  readonly #built = new Map<TargetName, Artifact>();
  /** Its parameters and candidates, hashed once. */
  #asked: Fingerprint | undefined;
  /** Stands for what is built, in any order. */
  #given = 0n;
  #ready = 0;
  /** What the module looked for in vain: it is asked again when one of these is built, or any if there are none. */
  #missed: ReadonlySet<string> = new Set();
  /** What the module keeps from one question to the next. */
  #kept: { readonly value: unknown } | undefined;

  constructor(input: ExpandInput) {
    this.input = input;
  }

  /** The expansions of a target's inputs. */
  static of<N>(inputs: Readonly<Record<string, Input>>): readonly Group<N>[] {
    const groups: Group<N>[] = [];
    for (const name in inputs) {
      const input = inputs[name];
      if (input?.kind === "expand") Group.#join(groups, name, input);
    }
    return groups;
  }

  /** Apart, since a loop whose body has a function in it makes a context for each turn, and most inputs are no expansion. */
  static #join<N>(groups: Group<N>[], name: string, input: ExpandInput): void {
    const { module, params, part } = input;
    const isSame = ({ input: other }: Group<N>) =>
      part !== undefined && other.module === module && other.params === params;
    let group = groups.find(isSame);
    if (group === undefined) {
      group = new Group(input);
      groups.push(group);
    }
    group.#parts.set(name, part);
  }

  /** Of its first input. */
  get name(): string {
    const [name = ""] = this.#parts.keys();
    return name;
  }

  /** Takes a final answer, which `ask` has checked. Answers all that was chosen. */
  settle(targets: FinalTargets): readonly TargetName[] {
    this.chosen = new Map([...this.#parts].map(([name, part]) => [name, listOf(targets, part) ?? []]));
    return [...this.chosen.values()].flat();
  }

  /** Tells it of a target that it wanted and that is ready. True when it is to be asked again. */
  add(artifacts: readonly Artifact[]): boolean {
    this.#ready++;
    let awaited = this.#ready === this.wanted.size;
    for (const artifact of artifacts) {
      this.#built.set(artifact.name, artifact);
      this.#given ^= BigInt(`0x${fingerprintOf(`${artifact.name}\n${artifact.digest}`)}`);
      awaited ||= this.#missed.size === 0 || this.#missed.has(artifact.name);
    }
    return awaited;
  }

  /**
   * Asks the module what is wanted, given the wanted targets built so far. Like an action the answer is keyed on the module,
   * its parameters and the content it was given, so a null build reads no target.
   */
  async ask(sources: ExpansionSources): Promise<Result<Expansion, Problem>> {
    const { module, params, candidates } = this.input;
    const identity = sources.modules.identity(module);
    if (!identity.ok) return identity;
    this.#asked ??= fingerprintOfJson([params, candidates]);
    const key = fingerprintOf(`expansion ${identity.value.identity} ${this.#asked} ${this.#given.toString(16)}`);
    const known = sources.actions.expansion(key);
    const step = known !== undefined && isStep(known) ? ok(known) : await this.#answer(identity.value, key, sources);
    if (!step.ok) return step;
    this.#missed = new Set(step.value.missed);
    this.note = step.value.note;
    return step;
  }

  async #answer(identity: ModuleIdentity, key: Fingerprint, sources: ExpansionSources): Promise<Result<Step, Problem>> {
    const ask = () => this.#run(identity, sources);
    const answered = await (isOwnRecipe(this.input.module) ? ask() : runForeign(ask));
    if (answered.ok) await sources.actions.putExpansion(key, answered.value);
    return answered;
  }

  async #run(identity: ModuleIdentity, sources: ExpansionSources): Promise<Result<Step, Problem>> {
    const { module, params } = this.input;
    const loaded = await sources.modules.load(module);
    const guard = guardFor(module, identity, { where: module, projectRoot: sources.projectRoot });
    if (guard?.problem !== undefined) return err(guard.problem);
    if (!loaded.ok) return loaded;
    const expansion = loaded.value;
    if (!isExpansionModule(expansion)) return err(misbehaved(module, "its default export is not a function"));
    const missed = new Set<TargetName>();
    let answer: unknown;
    try {
      answer = await guarded(guard, () =>
        expansion({
          // A copy: a module that changed it would change what later targets are keyed on.
          params: structuredClone(params),
          read: async (name) => {
            const artifact = this.#built.get(name);
            if (artifact === undefined) missed.add(name);
            return artifact === undefined ? undefined : await readFile(artifact.path);
          },
          has: (name) => {
            const has = this.#built.has(name);
            if (!has) missed.add(name);
            return has;
          },
          kept: <T>(start: () => T): T => {
            this.#kept ??= { value: start() };
            return this.#kept.value as T;
          },
        }),
      );
    } catch (error) {
      return err(guard?.problem ?? thrown(error, module));
    }
    if (guard?.problem !== undefined) return err(guard.problem);
    if (!isJsonObject(answer) || !isExpansion(answer)) return err(misbehaved(module, "it did not answer { state, … }"));
    const broken = this.#contradiction(answer);
    return broken === undefined ? ok({ ...answer, missed: [...missed] }) : err(misbehaved(module, broken));
  }

  #contradiction(answer: Expansion): string | undefined {
    const lists = answer.state === "final" ? [...this.#parts.values()].map((part) => listOf(answer.targets, part)) : [];
    if (lists.includes(undefined)) {
      const parts = [...this.#parts.values()].map((part) => part ?? "one list").join(", ");
      return `its answer lacks a list that inputs take (${parts})`;
    }
    const named = answer.state === "final" ? lists.flatMap((list) => list ?? []) : answer.want;
    const candidates = new Set(this.input.candidates);
    const unknown = named.find((name) => !candidates.has(name));
    if (unknown !== undefined) return `it named ${unknown}, which is not among its candidates`;
    const unbuilt = named.find((name) => !this.#built.has(name));
    if (answer.state === "final") return unbuilt && `it settled on ${unbuilt}, which is not built`;
    return unbuilt === undefined ? "it is not settled, yet wants nothing that is not built" : undefined;
  }
}

type FinalTargets = Extract<Expansion, { state: "final" }>["targets"];

/** The list that an input takes of an answer; undefined where there is none. */
function listOf(targets: FinalTargets, part: string | undefined): readonly TargetName[] | undefined {
  if (part === undefined) return Array.isArray(targets) ? targets : undefined;
  const lists = targets as Readonly<Record<string, unknown>>;
  const list = Object.hasOwn(lists, part) ? lists[part] : undefined;
  return Array.isArray(list) ? list : undefined;
}

/** An answer, with what the module looked for in vain. */
type Step = Expansion & JsonObject & { readonly missed: readonly string[] };

function isExpansionModule(value: unknown): value is ExpansionModule {
  return typeof value === "function";
}

function isExpansion(value: JsonObject): value is JsonObject & Expansion {
  return (
    (value["state"] === "final" && (Array.isArray(value["targets"]) || isJsonObject(value["targets"]))) ||
    (value["state"] === "open" && Array.isArray(value["want"]))
  );
}

function isStep(value: JsonObject): value is Step {
  return isExpansion(value) && Array.isArray(value["missed"]);
}

function misbehaved(module: string, how: string): Problem {
  return {
    kind: "recipe",
    where: module,
    message: `the expansion module broke its contract: ${how}.`,
    fix: "Correct the module; nothing was stored.",
  };
}

function thrown(error: unknown, module: string): Problem {
  if (error instanceof ProblemError) return error.problem;
  return problemOfErrno(error, module) ?? misbehaved(module, `it threw ${wordsOf(error)}`);
}
