import type { Usage } from "./usage.ts";

/** The answers to a request file (for targets with a gate): the provider's lines, as received. */
export interface AnswerReader {
  /** The stored line of one request, an answer or a refusal; undefined when it stayed unanswered after every allowed attempt. */
  line(requestId: string): Answer | undefined;
  /** Why a request has no answer. `pending`: it is still under way, and this is a partial build. */
  why(requestId: string): { readonly kind: "refused" | "pending" | "lost" | "given-up"; readonly message: string };
}

export interface Answer {
  /** One line of Batch API output, exactly as received. */
  readonly raw: string;
  readonly kind: "answer" | "refusal" | "liftable";
  readonly batchId: string | null;
  readonly via: "batch" | "direct" | "import";
  /** What an answer took; null when the provider does not say, and of a refusal. */
  readonly usage: Usage | null;
}
