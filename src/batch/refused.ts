import type { Problem } from "../graph/problem.ts";
import { commonest, wordsOf } from "./nothing-answered.ts";
import type { ResponseEntry, Responses } from "./responses.ts";

/**
 * What to say of requests that were refused for a reason that time or a person can lift: the provider's commonest words
 * with their count. They are asked again only by a build that is told to: what hinders them is for a person to see to.
 */
export function refusedProblem(where: string, refused: readonly ResponseEntry[], responses: Responses): Problem {
  const words = refused.map(({ requestId }) => wordsOf(responses.readRaw(requestId) ?? ""));
  const said = commonest(words);
  const others = new Set(words).size - 1;
  const rest = others === 0 ? "" : `, and ${others} other reasons`;
  const requests = refused.length === 1 ? "1 request was" : `${refused.length} requests were`;
  return {
    kind: "provider",
    where,
    message: `${requests} refused: ${said?.text ?? ""} (${said?.times ?? 0} times${rest}).`,
    fix: "Put right what it names, then run dsgen build --retry-refused: no other build asks them again.",
  };
}
