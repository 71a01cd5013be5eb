import type { SharedResults, Trace } from "../engine/ports.ts";
import type { ActionKey } from "../graph/digest.ts";
import { err, ok } from "../graph/result.ts";
import { ACTIONS, actionsFolder, keyInName, traceIn } from "./action-record.ts";
import type { Allowance } from "./allowance.ts";
import { atOnce, getBlob } from "./checked.ts";
import type { RemoteFailure } from "./remote.ts";
import { type Ignored, nothingIgnored, type Source, trustedNames, trustedRecord } from "./trusted.ts";

export interface Asking {
  readonly sources: readonly Source[];
  readonly allowance: Allowance;
  readonly signal: AbortSignal;
  /** Told of a cache that failed: it is asked no more. */
  failed(label: string, failure: RemoteFailure): void;
  hasFailed(label: string): boolean;
  /** Told of what in a cache was not believed. */
  ignored(label: string, ignored: Ignored): void;
}

/**
 * Results in shared caches. The first time something is asked each cache is listed, once: it is known then what there is, and a
 * call is made only for what there is. Nothing is asked where nothing is to be made.
 */
export function sharedResults(asking: Asking): SharedResults {
  const { sources, allowance, signal } = asking;
  const asked = new Set<ActionKey>();
  const found = new Map<ActionKey, { readonly trace: Trace; readonly source: Source }>();
  /** Names of records by the action that they are about, in the order of the caches. */
  let listed: Promise<ReadonlyMap<ActionKey, readonly Named[]>> | undefined;

  /** What one cache says; undefined where it failed, now or before. */
  async function tried<T>(
    { remote }: Source,
    call: (within: AbortSignal) => Promise<{ ok: true; value: T } | { ok: false; error: RemoteFailure }>,
  ) {
    if (asking.hasFailed(remote.label)) return undefined;
    const reply = await allowance.spend(signal, call);
    if (reply.ok) return reply;
    if (!signal.aborted && !asking.hasFailed(remote.label)) asking.failed(remote.label, reply.error);
    return undefined;
  }

  async function list(): Promise<ReadonlyMap<ActionKey, readonly Named[]>> {
    const lists = await Promise.all(
      sources.map(async (source) => {
        const ignored = nothingIgnored();
        const folder = actionsFolder(source.project);
        const names = await tried(source, (within) => trustedNames(source, folder, ignored, within));
        asking.ignored(source.remote.label, ignored);
        return (names?.value ?? []).map((name) => ({ name, source }));
      }),
    );
    const byKey = new Map<ActionKey, Named[]>();
    for (const named of lists.flat()) {
      const key = keyInName(named.name);
      if (key === undefined) continue;
      const before = byKey.get(key);
      if (before === undefined) byKey.set(key, [named]);
      else before.push(named);
    }
    return byKey;
  }

  /** The first that is believed. */
  async function find(key: ActionKey, names: readonly Named[]): Promise<void> {
    for (const { name, source } of names) {
      const ignored = nothingIgnored();
      const record = await tried(source, (within) => trustedRecord(source, name, ACTIONS, ignored, within));
      const said = record?.value;
      const trace = said && traceIn(said.body, source.project, said.by);
      if (said !== undefined && trace?.key !== key) ignored.foreign++;
      asking.ignored(source.remote.label, ignored);
      if (trace?.key !== key) continue;
      found.set(key, { trace, source });
      return;
    }
  }

  return {
    asked: (key) => asked.has(key),
    trace: (key) => found.get(key)?.trace,
    async ask(keys) {
      listed ??= list();
      const names = await listed;
      for (const key of keys) asked.add(key);
      const there = keys.filter((key) => names.has(key));
      await atOnce(there, signal, async (key) => ok(await find(key, names.get(key) ?? [])));
    },
    async read({ key }, { digest, size }) {
      const source = found.get(key)?.source;
      const got = source && (await tried(source, (within) => getBlob(source.remote, digest, within)));
      if (got?.value?.length === size) return ok(got.value);
      found.delete(key);
      const message = "what others made is not to be had any more.";
      return err({ kind: "missing-input", where: source?.remote.label ?? digest, message, fix: "It is made here." });
    },
  };
}

interface Named {
  readonly name: string;
  readonly source: Source;
}
