import type { Problem } from "../graph/problem.ts";
import { unreachable } from "../graph/result.ts";
import type { ProviderError } from "./provider.ts";

/** A provider's error as a person should read it. `doing` names the step: `upload request_batch0.jsonl`. */
export function providerProblem(error: ProviderError, where: string, doing: string): Problem {
  switch (error.kind) {
    case "auth":
      return {
        kind: "auth",
        where,
        message: `the provider refused the key (${error.status}): ${error.message}.`,
        fix: "Set OPENAI_API_KEY (and OPENAI_ORG_ID, OPENAI_PROJECT_ID) to one that may do this. Nothing was lost; run again.",
      };
    case "unreachable":
      return {
        kind: "provider",
        where,
        message: `could not reach the provider to ${doing}: ${error.message}.`,
        fix: "Check the network and OPENAI_BASE_URL, then run again; nothing was sent.",
      };
    case "rate-limited":
      return {
        kind: "provider",
        where,
        message: `the provider is limiting requests (429) and went on doing so while trying to ${doing}: ${error.message}.`,
        fix: "Run again later; nothing was sent.",
      };
    case "refused":
      return {
        kind: "provider",
        where,
        message: `the provider refused to ${doing} (${error.status}${error.code === null ? "" : ` ${error.code}`}): ${error.message}.`,
        fix: "Correct what it names, then run again; nothing was charged for this.",
      };
    case "not-found":
      return {
        kind: "provider",
        where,
        message: `the provider does not know what was asked for, trying to ${doing}: ${error.message}.`,
        fix: "If it belongs to another key or project, run again with that one's OPENAI_API_KEY and OPENAI_PROJECT_ID.",
      };
    case "ambiguous":
      return {
        kind: "provider",
        where,
        message: `no clear answer while trying to ${doing}: ${error.message}.`,
        fix: "Run again: dsgen looks for what the provider did before it sends anything.",
      };
    case "aborted":
      return { kind: "provider", where, message: `interrupted while trying to ${doing}.`, fix: "Run again to go on." };
    default:
      return unreachable(error);
  }
}

/** The key is never kept, not even where it stands in an answer. */
export function keyMasked(what: string, places: number): string {
  return `${what} repeats the API key in ${places === 1 ? "one place" : `${places} places`}; stars were stored in its stead. Whoever wrote it there knows the key: replace it`;
}
