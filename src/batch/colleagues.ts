import type { RequestId } from "../api/request-file.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import type { WaitingOn } from "../graph/state.ts";
import type { Job } from "./job.ts";

/*
 * Clones of one project that can tell each other what they ask. Where no shared cache is named there is none of this, and
 * the provider's own list is all that two clones see of each other.
 */

/** Requests that another clone has asked, or is about to. */
export interface OthersAsking {
  readonly claim: string;
  /** Who, as `remote.trust` has it. */
  readonly by: string;
  readonly namespace: string;
  readonly job: string | null;
  /** The provider's batch, once it is known. */
  readonly batch: string | null;
  /** By the other's clock, in milliseconds since the epoch. */
  readonly since: number;
  readonly over: boolean;
  readonly requests: number;
}

export interface Colleagues {
  /** Reads what others say, and takes in the answers that they share. True when there was anything new. */
  refresh(signal: AbortSignal): Promise<boolean>;
  /** Who else asks this, so that it is not to be asked here. */
  holderOf(id: RequestId): OthersAsking | undefined;
  /**
   * Says that these requests are about to be asked, before they are. Answers who was first; undefined when nobody was, or when
   * nobody could be told: a shared cache that fails stops no build.
   */
  claim(job: Job | null, requests: readonly RequestId[], signal: AbortSignal): Promise<OthersAsking | undefined>;
  /** Tells the others how the jobs stand that were claimed here, and shares their answers before it says that they are over. */
  tell(jobOf: (id: string) => Job | undefined, signal: AbortSignal): Promise<void>;
}

/** Somebody else's asking as the engine waits on it. */
export function waitingOnOther(requestFile: TargetName, { claim, batch, since, requests }: OthersAsking): WaitingOn {
  const progress = { total: requests, completed: 0, failed: 0 };
  return { requestFile, jobId: claim, batchId: batch, status: "asked by a colleague", progress, since };
}

/** What a person is told of it. @param fix what was and can be done */
export function askedByAnother(where: string, { by, batch, namespace, over }: OthersAsking, fix: string): Problem {
  const asked = batch === null ? "" : ` in batch ${batch}`;
  const shared = over ? ", and shares the answers" : "";
  const message = `${by} has already asked some of its requests${asked}, as ${namespace}${shared}.`;
  return { kind: "provider", where, message, fix };
}
