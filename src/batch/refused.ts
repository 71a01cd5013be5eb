import type { Problem } from "../graph/problem.ts";
import { commonest, wordsOf } from "./nothing-answered.ts";
import type { ResponseEntry, Responses } from "./responses.ts";

/**
 * What to say of requests that were refused for a reason that time or a person can lift, and that the rest was made without:
 * the provider's commonest words with their count. Only a build that is told to asks them again.
 */
export function refusedProblem(where: string, refused: readonly ResponseEntry[], responses: Responses): Problem {
  const said = commonest(refused.map(({ requestId }) => wordsOf(responses.readRaw(requestId) ?? "")));
  const requests = refused.length === 1 ? "1 request was" : `${refused.length} requests were`;
  return {
    kind: "provider",
    where,
    message: `${requests} refused: ${said?.text ?? ""} (${said?.times ?? 0} times).`,
    fix: "Put right what the provider says, then run dsgen build --retry-refused.",
  };
}
