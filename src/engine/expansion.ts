import type { readFile } from "node:fs/promises";
import { fingerprintOfJson } from "../graph/digest.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import { isOwnRecipe, type TargetName } from "../graph/names.ts";
import { type Problem, ProblemError, problemOfErrno } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Expansion, ExpansionModule, Input } from "../graph/target.ts";
import type { Artifact } from "./action.ts";
import { runForeign } from "./foreign-code.ts";
import { guarded, guardFor } from "./guard.ts";
import type { ModuleIdentity, Modules } from "./modules.ts";
import type { ActionCache } from "./ports.ts";

export type ExpansionStep = Expansion;

export interface ExpansionSources {
  readonly projectRoot: string;
  readonly modules: Modules;
  readonly actions: ActionCache;
  readonly read: typeof readFile;
}

/**
 * Asks an expansion module what is wanted, given the wanted targets built so far. Like an action it is keyed on its
 * module, its parameters and the content it was given, so a null build reads no target.
 */
export async function expand(
  input: Extract<Input, { kind: "expand" }>,
  built: ReadonlyMap<TargetName, Artifact>,
  sources: ExpansionSources,
): Promise<Result<ExpansionStep, Problem>> {
  const identity = sources.modules.identity(input.module);
  if (!identity.ok) return identity;
  const given = [...built.values()].map((artifact) => [artifact.name, artifact.digest]).sort();
  const key = fingerprintOfJson(["expansion", identity.value.identity, input.params, input.candidates, given]);
  const known = sources.actions.expansion(key);
  if (known !== undefined && isExpansion(known)) return ok(known);
  const ask = () => answer(input, identity.value, built, sources);
  const answered = await (isOwnRecipe(input.module) ? ask() : runForeign(ask));
  if (answered.ok) await sources.actions.putExpansion(key, answered.value);
  return answered;
}

async function answer(
  input: Extract<Input, { kind: "expand" }>,
  identity: ModuleIdentity,
  built: ReadonlyMap<TargetName, Artifact>,
  sources: ExpansionSources,
): Promise<Result<ExpansionStep & JsonObject, Problem>> {
  const loaded = await sources.modules.load(input.module);
  const guard = guardFor(input.module, identity, { where: input.module, projectRoot: sources.projectRoot });
  if (guard?.problem !== undefined) return err(guard.problem);
  if (!loaded.ok) return loaded;
  const expansion = loaded.value;
  if (!isExpansionModule(expansion)) return err(misbehaved(input.module, "its default export is not a function"));
  let step: unknown;
  try {
    step = await guarded(guard, () =>
      expansion({
        // A copy: a module that changed it would change what later targets are keyed on.
        params: structuredClone(input.params),
        read: async (name) => {
          const artifact = built.get(name);
          return artifact === undefined ? undefined : await sources.read(artifact.path);
        },
      }),
    );
  } catch (error) {
    return err(guard?.problem ?? thrown(error, input.module));
  }
  if (guard?.problem !== undefined) return err(guard.problem);
  if (!isJsonObject(step) || !isExpansion(step)) return err(misbehaved(input.module, "it did not answer { state, … }"));
  const allowed = new Set<TargetName>(input.candidates);
  const stranger = (step.state === "final" ? step.targets : step.want).find((name) => !allowed.has(name));
  if (stranger !== undefined)
    return err(misbehaved(input.module, `it named ${stranger}, which is not among its candidates`));
  const unbuilt = step.state === "final" ? step.targets.find((name) => !built.has(name)) : undefined;
  if (unbuilt !== undefined) return err(misbehaved(input.module, `it settled on ${unbuilt}, which is not built`));
  if (step.state === "open" && step.want.every((name) => built.has(name)))
    return err(misbehaved(input.module, "it is not settled, yet wants nothing that is not built"));
  return ok(step);
}

function isExpansionModule(value: unknown): value is ExpansionModule {
  return typeof value === "function";
}

function isExpansion(value: JsonObject): value is JsonObject & Expansion {
  return (
    (value["state"] === "final" && Array.isArray(value["targets"])) ||
    (value["state"] === "open" && Array.isArray(value["want"]))
  );
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
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return problemOfErrno(error, module) ?? misbehaved(module, `it threw ${message}`);
}
