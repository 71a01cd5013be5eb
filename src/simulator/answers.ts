import { embeddings, images, moderation } from "./other-answers.ts";
import { type Answered, NO_TOKENS, type Question } from "./question.ts";
import { errorBody } from "./reply.ts";
import { checkRequest, type Endpoint } from "./requests.ts";
import { chatCompletion, MARK, response, textCompletion } from "./text-answers.ts";

/** What makes the answers of each endpoint. */
const MAKERS: Readonly<Record<Endpoint, (question: Question) => Omit<Answered, "status">>> = {
  "/v1/chat/completions": chatCompletion,
  "/v1/responses": response,
  "/v1/embeddings": embeddings,
  "/v1/completions": textCompletion,
  "/v1/moderations": moderation,
  "/v1/images/generations": images,
  "/v1/images/edits": images,
  "/v1/images/variations": images,
};

/**
 * The same bytes for the same question, at any time. Each says that it is made up, also where the API itself has no such
 * member: at whatever address it was asked for, it passes for no real answer.
 */
export function answerTo(question: Question): Answered {
  const refusal = checkRequest(question.endpoint, question.body);
  if (refusal === undefined) {
    const made = MAKERS[question.endpoint](question);
    return { status: 200, ...made, body: () => ({ ...made.body(), ...MARK }) };
  }
  return { status: 400, body: () => errorBody(refusal), tokens: NO_TOKENS };
}
