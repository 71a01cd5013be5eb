import { isProvider } from "../api/made-up.ts";
import type { BatchProvider, Call, Namespace } from "../batch/provider.ts";
import type { DsgenConfig } from "../config/project-config.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Store } from "../store/store.ts";
import { inCi } from "./surroundings.ts";

export interface ProviderChoice {
  readonly provider: BatchProvider;
  /** For people: `OpenAI (api.openai.com)`, `the simulator`. */
  readonly label: string;
  /** Why the answers are simulated, in so many words; undefined when they are not. */
  readonly whySimulated: string | undefined;
}

export interface ChoiceInputs {
  readonly asked: "auto" | "openai" | "simulator";
  readonly config: DsgenConfig;
  readonly env: NodeJS.ProcessEnv;
  readonly stateDir: string;
  /** Namespaces of the jobs and answers this project has, newest last. */
  readonly known: readonly string[];
  /** Answers that are taken in are real ones, whether or not a key is set. */
  readonly realWithoutKey: boolean;
}

const NO_KEY = "no OPENAI_API_KEY was found";

/**
 * Why nothing may be built or planned: in CI, where nobody reads the notice that answers are made up, the simulator has to
 * be asked for by name.
 */
export function unaskedInCi(whySimulated: string | undefined, env: NodeJS.ProcessEnv): Problem | undefined {
  if (whySimulated !== NO_KEY || !inCi(env)) return undefined;
  return {
    kind: "auth",
    where: "OPENAI_API_KEY",
    message: "it is not set, and CI is: made-up answers have to be asked for there.",
    fix: "Set OPENAI_API_KEY; or say --provider simulator, or provider: simulator in config/dsgen.yaml, for made-up answers. Nothing was done.",
  };
}

/**
 * Who answers. `auto` is OpenAI when a key is set, and the simulator, loudly, when none is and nothing real was ever built
 * here. A project that has real answers goes on with them without a key; only asking for more needs one.
 */
export async function chooseProvider(inputs: ChoiceInputs): Promise<Result<ProviderChoice, Problem>> {
  const { openAiSettingsFromEnv } = await import("../providers/openai/settings.ts");
  const fromEnv = openAiSettingsFromEnv(inputs.env);
  const { request_timeout_seconds, idle_timeout_seconds } = inputs.config.batch;
  const times = { timeoutMs: request_timeout_seconds * 1000, idleTimeoutMs: idle_timeout_seconds * 1000 };
  const settings = fromEnv === undefined ? undefined : { ...fromEnv, ...times };
  const real = inputs.known.filter(isProvider).at(-1);
  switch (inputs.asked) {
    case "simulator":
      return ok(await simulator(inputs, "the simulator was chosen as the provider"));
    case "openai":
      if (settings !== undefined) return ok(await openAi(settings));
      return real === undefined ? err(noKey("--provider openai")) : ok(keyless(real));
    case "auto":
      if (settings !== undefined) return ok(await openAi(settings));
      if (real !== undefined) return ok(keyless(real));
      if (inputs.realWithoutKey)
        return ok(keyless((await import("../providers/openai/settings.ts")).DEFAULT_NAMESPACE));
      return ok(await simulator(inputs, NO_KEY));
  }
}

type OpenAiSettings = NonNullable<ReturnType<typeof import("../providers/openai/settings.ts").openAiSettingsFromEnv>>;

async function openAi(settings: OpenAiSettings): Promise<ProviderChoice> {
  const { openOpenAiProvider } = await import("../providers/openai/provider.ts");
  const provider = openOpenAiProvider(settings);
  return { provider, label: labelOf(provider.namespace.id), whySimulated: undefined };
}

async function simulator(inputs: ChoiceInputs, why: string): Promise<ProviderChoice> {
  const { openSimulatorProvider } = await import("../simulator/provider.ts");
  const { seed, speed } = inputs.config.simulator;
  const share = inputs.config.simulator.yield;
  const provider = openSimulatorProvider({
    stateDir: inputs.stateDir,
    seed,
    timing: { scale: 1 / speed },
    ...(share === undefined ? {} : { yield: share }),
  });
  return { provider, label: "the simulator", whySimulated: why };
}

/** `OpenAI API at api.openai.com, project proj_1`, of a namespace `openai:<host>:<organisation or ->:<project or ->`. */
function labelOf(namespace: string): string {
  const [, host = namespace, organisation = "-", project = "-"] = /^openai:(.*):([^:]*):([^:]*)$/.exec(namespace) ?? [];
  return [
    `OpenAI API at ${host}`,
    ...(organisation === "-" ? [] : [`organisation ${organisation}`]),
    ...(project === "-" ? [] : [`project ${project}`]),
  ].join(", ");
}

function noKey(where: string): Problem {
  return {
    kind: "auth",
    where,
    message: "OPENAI_API_KEY is not set.",
    fix: "Set it, or use --provider simulator for made-up answers.",
  };
}

/** A project with real answers, and no key: everything it has is used, and whatever would call out is refused. */
function keyless(id: string): ProviderChoice {
  const namespace: Namespace = { kind: "openai", id };
  const refuse = <T>(): Promise<Call<T>> =>
    Promise.resolve({
      ok: false,
      error: {
        kind: "auth",
        status: null,
        message: `OPENAI_API_KEY is not set; this project has real answers of ${id}, which is asked with a key only`,
      },
    });
  const provider: BatchProvider = {
    namespace,
    simulated: false,
    upload: refuse,
    createBatch: refuse,
    retrieveBatch: refuse,
    listBatches: refuse,
    listFiles: refuse,
    download: refuse,
    cancelBatch: refuse,
    answer: refuse,
    serverNow: () => null,
    close: () => Promise.resolve(),
  };
  return { provider, label: `${labelOf(id)}, without a key`, whySimulated: undefined };
}

/** Namespaces of the jobs and imports in the journal, in order. */
export function knownNamespaces(store: Store): readonly string[] {
  return store.journal
    .records()
    .flatMap((record) => (typeof record["namespace"] === "string" ? [record["namespace"]] : []));
}
