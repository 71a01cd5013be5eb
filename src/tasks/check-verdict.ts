import type { JsonValue } from "../graph/json.ts";

/** Where a token check failed: one tokenizer's ids for one variant's two texts. */
export type TokenFault = {
  readonly variant: string;
  readonly tokenizer: string;
  readonly first: number;
  readonly second: number;
};

/**
 * Why a check failed, with what a person needs to see why. `member` is the text: first or second of a pair, a record's field.
 */
export type CheckFailure =
  | { readonly reason: "unequal-token-counts"; readonly detail: { readonly at: readonly TokenFault[] } }
  /** Equal counts, but the ids differ nowhere or at several positions; `positions` says at how many. */
  | {
      readonly reason: "not-one-difference";
      readonly detail: { readonly at: readonly (TokenFault & { readonly positions: number })[] };
    }
  | { readonly reason: "ill-formed-text" | "unproven-text"; readonly detail: { readonly member: string } }
  | { readonly reason: "too-long"; readonly detail: { readonly member: string; readonly max: number } }
  | {
      readonly reason: "too-short";
      readonly detail: { readonly member: string; readonly characters: number; readonly min: number };
    }
  | {
      readonly reason: "no-match" | "forbidden-match";
      readonly detail: { readonly member: string; readonly pattern: string };
    }
  | { readonly reason: "same-text"; readonly detail: Readonly<Record<string, never>> }
  | { readonly reason: "extra-keys"; readonly detail: { readonly keys: readonly string[] } }
  /** It had not ended when its time was up. */
  | { readonly reason: "timed-out"; readonly detail: { readonly seconds: number } }
  /** A check of the project's own: its reason, and whatever it says about it. */
  | { readonly reason: `module:${string}`; readonly detail: { readonly says: JsonValue } };

/** What one check says of one candidate. `check` is its name in the task's list. */
export type CheckVerdict =
  | { readonly check: string; readonly ok: true }
  | ({ readonly check: string; readonly ok: false } & CheckFailure);

/**
 * A failure in a few words: its reason, and for a check that may be one of several, which one
 * (`regex ^[A-Z]: no-match`, `module targets/checks/rhymes.ts: no rhyme`).
 */
export function failureName({ check, reason }: { readonly check: string; readonly reason: string }): string {
  return /[ #]/.test(check) ? `${check}: ${reason.replace(/^module:/, "")}` : reason;
}

/** The tokenizers and variants under which a failure arose; empty for one that is not about tokens. */
export function tokenFaults(failure: CheckFailure): readonly TokenFault[] {
  return failure.reason === "unequal-token-counts" || failure.reason === "not-one-difference" ? failure.detail.at : [];
}
