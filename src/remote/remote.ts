import type { Result } from "../graph/result.ts";

/*
 * What a shared cache must be able to do, and no more. Names are paths of letters, digits, `.`, `-` and `/`, below `v1/`.
 * What has a name never changes: nothing is overwritten, and only `dsgen remote gc` removes.
 */

export interface Remote {
  /** As a person wrote it, without what is secret. */
  readonly label: string;
  has(name: string, signal: AbortSignal): Reply<boolean>;
  /** The whole content; undefined when there is none. */
  get(name: string, signal: AbortSignal): Reply<Uint8Array | undefined>;
  /** Writes all of it under a name that has nothing yet. `there`: it had something already, which stays. */
  putIfAbsent(name: string, bytes: Uint8Array, signal: AbortSignal): Reply<"put" | "there">;
  /** Every name below a folder, in order. What was put a moment ago may be missing. */
  list(folder: string, signal: AbortSignal): Reply<readonly string[]>;
  /** The same with sizes and ages, for `remote stats` and `remote gc`. */
  entries(folder: string, signal: AbortSignal): Reply<readonly RemoteEntry[]>;
  /** Takes a name away. False where nothing had it. */
  remove(name: string, signal: AbortSignal): Reply<boolean>;
  /**
   * Whether, of two that put one name at the same moment, one is told `there`: what a claim needs. Tried out on the cache
   * itself, where writing is allowed.
   */
  excludes(signal: AbortSignal): Reply<boolean>;
}

/** What `excludes` tries itself out on: always the same content. */
export const TRIAL = {
  name: "v1/trial",
  content: Buffer.from("dsgen tries here whether a put under a condition is one\n"),
};

export interface RemoteEntry {
  readonly name: string;
  /** Null: the server does not say. */
  readonly bytes: number | null;
  /** When it was written, by the server's clock, in milliseconds since the epoch. */
  readonly writtenAt: number | null;
}

export type Reply<T> = Promise<Result<T, RemoteFailure>>;

/** Why a shared cache did not do what it was asked. */
export interface RemoteFailure {
  /**
   * `gone`: nobody answers, or it broke off; `slow`: its time was up; `busy`: it says so itself, and may say until when;
   * `denied`: not with these credentials; `unable`: it cannot do this; `odd`: an answer that makes no sense.
   */
  readonly kind: "gone" | "slow" | "busy" | "denied" | "unable" | "odd";
  readonly message: string;
  readonly retryAfterMs?: number;
}
