import type { Problem } from "../graph/problem.ts";
import { unreachable } from "../graph/result.ts";
import type { ProviderError } from "./provider.ts";

/** A provider's error as a person should read it. `doing` names the step: `upload request_batch0.jsonl`. */
export function providerProblem(error: ProviderError, where: string, doing: string): Problem {
  const [message, fix] = wordsOf(error, doing);
  return { kind: error.kind === "auth" ? "auth" : "provider", where, message, fix };
}

function wordsOf(error: ProviderError, doing: string): readonly [message: string, fix: string] {
  switch (error.kind) {
    case "auth":
      return [
        error.status === null
          ? `${error.message}.`
          : `the provider refused the key (${error.status}): ${error.message}.`,
        "Set OPENAI_API_KEY (and OPENAI_ORG_ID, OPENAI_PROJECT_ID) to one that may do this. Nothing was lost; run again.",
      ];
    case "unreachable":
      return [
        `could not reach the provider to ${doing}: ${error.message}.`,
        "Check the network and OPENAI_BASE_URL, then run again; nothing was sent.",
      ];
    case "rate-limited":
      return [
        `the provider is limiting requests (429) and went on doing so while trying to ${doing}: ${error.message}.`,
        "Run again later; nothing was sent.",
      ];
    case "refused":
      return [
        `the provider refused to ${doing} (${error.status}${error.code === null ? "" : ` ${error.code}`}): ${error.message}.`,
        "Correct what it names, then run again; nothing was charged for this.",
      ];
    case "not-found":
      return [
        `the provider does not know what was asked for, trying to ${doing}: ${error.message}.`,
        "If it belongs to another key or project, run again with that one's OPENAI_API_KEY and OPENAI_PROJECT_ID.",
      ];
    case "ambiguous":
      return [
        `no clear answer while trying to ${doing}: ${error.message}.`,
        "Run again: dsgen looks for what the provider did before it sends anything.",
      ];
    case "aborted":
      return [`interrupted while trying to ${doing}.`, "Run again to go on."];
    default:
      return unreachable(error);
  }
}
