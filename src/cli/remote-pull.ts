import { costOf, dollars, type Price, sumKnown } from "../batch/money.ts";
import type { Emit } from "../events/schema.ts";
import { Allowance } from "../remote/allowance.ts";
import { type AnswerSink, type Pulled, pullAnswers } from "../remote/pull-answers.ts";
import type { RemoteFailure } from "../remote/remote.ts";
import type { Ignored } from "../remote/trusted.ts";
import { countOf } from "../report/format.ts";
import type { Store } from "../store/store.ts";
import { answerSink, progress, type RemoteConfig, sharedCaches } from "./remote-caches.ts";

interface PullInto {
  readonly projectRoot: string;
  readonly store: Store;
  readonly env: NodeJS.ProcessEnv;
  readonly priceOf: (model: string) => Price | undefined;
}

interface PulledFrom {
  readonly label: string;
  readonly pulled: Pulled;
  /** Why not all of it was taken. */
  readonly failure: RemoteFailure | undefined;
}

/** Takes in what each shared cache has, in order. What is not believed is told. */
export async function* pullFrom(
  config: RemoteConfig,
  { projectRoot, store, env }: PullInto,
  again: boolean,
  emit: Emit,
  signal: AbortSignal,
  sink: AnswerSink = answerSink(store),
): AsyncGenerator<PulledFrom> {
  const { project, trust } = config;
  for (const { remote } of sharedCaches(config, projectRoot, env)) {
    const done = await pullAnswers({ remote, project, trust, again }, sink, signal, progress(emit, remote.label));
    const pulled = done.ok ? done.value : done.error.pulled;
    const told = ignoredText(pulled.ignored);
    if (told !== "") emit({ type: "notice", level: "warning", code: "remote", message: `${remote.label}: ${told}` });
    yield { label: remote.label, pulled, failure: done.ok ? undefined : done.error.failure };
  }
}

export interface ReadAnswers {
  readonly namespaces: readonly string[];
  /** By label. */
  readonly failed: Set<string>;
}

/**
 * What a build takes in before it begins, and a plan learns of, within the config's time limit. A cache that fails costs a
 * warning: the build does what it would do without. Answers the namespaces that were met, and the caches that failed.
 */
export async function readAnswers(
  config: RemoteConfig,
  into: PullInto,
  emit: Emit,
  signal: AbortSignal,
  allowance: Allowance = new Allowance(config.timeout_seconds * 1000),
): Promise<ReadAnswers> {
  const failed = new Set<string>();
  const notice = (level: "info" | "warning", message: string) =>
    emit({ type: "notice", level, code: "remote", message });
  const sink = answerSink(into.store);
  await allowance.spend(signal, async (within) => {
    for await (const { label, pulled, failure } of pullFrom(config, into, false, emit, within, sink)) {
      const from = sink.writable
        ? "from the shared cache"
        : "more that a build takes, for nothing, from the shared cache";
      const unseen = sink.writable ? "" : " (if they are whole, which is seen when they are taken)";
      if (pulled.answers > 0)
        notice(
          "info",
          `${countOf(pulled.answers, "answer")} ${from} ${label}, ${notSpent(pulled, into.priceOf)}${unseen}`,
        );
      if (failure === undefined || signal.aborted) continue;
      failed.add(label);
      notice("warning", `the shared cache ${label}: ${failure.message}; the build goes on without it`);
    }
  });
  return { namespaces: [...sink.namespaces], failed };
}

/** What asking for it again in batch jobs would have cost, as far as it is known. */
function notSpent({ tokens }: Pulled, priceOf: PullInto["priceOf"]): string {
  const costs = Object.entries(tokens ?? {}).map(([model, usage]) => costOf(usage, priceOf(model), "batch"));
  const sum = tokens === undefined ? null : sumKnown(costs);
  return sum === null ? "at an unknown price not paid" : `${dollars(sum)} not spent`;
}

export function ignoredText(ignored: Ignored): string {
  const whys = [
    [ignored.untrusted, "by writers that are not under remote.trust"],
    [ignored.damaged, "not as their writer signed them, or not fitting their answers"],
    [ignored.version, "of another version of dsgen"],
    [ignored.foreign, "of another project, or of no real provider"],
  ] as const;
  const parts = whys.flatMap(([count, why]) => (count === 0 ? [] : [`${countOf(count, "record")} ${why}`]));
  return parts.length === 0 ? "" : `not believed: ${parts.join("; ")}`;
}
