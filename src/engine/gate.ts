import type { Digest } from "../graph/digest.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import type { WaitingOn } from "../graph/state.ts";
import type { LiveTarget } from "../graph/target.ts";

/** A gated target whose request file is at hand. */
export interface GateNeed {
  readonly target: TargetName;
  readonly task: string | undefined;
  readonly requestFile: TargetName;
  readonly requestsDigest: Digest;
  /** Where the request file's bytes can be read now: the workspace, or a scratch folder of `plan`. */
  readonly requestsPath: string;
}

/** What asking would take, in the words of whoever asks: the engine hands it on to the reports, unread. */
export type Ask = object;

export type GateView =
  /**
   * Everything that will be answered is. `settled` when that is every request: then nothing can change any more. Otherwise
   * `hash` covers what is missing, and a later invocation looks again.
   */
  | {
      readonly state: "answered";
      readonly settled: boolean;
      readonly hash: string;
      readonly unanswered: number;
      /** Nothing to ask: how many answers are reused. */
      readonly ask?: Ask;
    }
  | { readonly state: "waiting"; readonly on: readonly WaitingOn[] }
  | { readonly state: "needed"; readonly ask: Ask }
  | { readonly state: "refused"; readonly problem: Problem }
  | { readonly state: "failed"; readonly problem: Problem };

/** The engine's only knowledge of what comes from outside. */
export interface Answers {
  /** Part of every gated action's key: answers from one place are never taken for another's. */
  readonly namespace: string;
  /** No network, no side effect: what `plan` says and `build` does both start here. */
  assess(need: GateNeed): GateView;
  /** Asks for what is unanswered. Everything it may cost is known before anything is sent. */
  open(needs: readonly GateNeed[], signal: AbortSignal): Promise<ReadonlyMap<TargetName, GateView>>;
  /** Looks at what is under way and takes in what has come. True when anything changed. */
  poll(signal: AbortSignal): Promise<boolean>;
  /** Takes in what has come and sends nothing. */
  look(signal: AbortSignal): Promise<void>;
  /** How long to wait before the next poll is worth its call. */
  nextPollMs(): number;
  /** What a recipe gets to read the answers by. */
  reader(need: GateNeed): unknown;
  /** The text of a live view, or undefined while there is nothing to tell. @param isTarget whether a target makes a file */
  view(live: LiveTarget, isTarget: (name: string) => boolean): string | undefined;
}
