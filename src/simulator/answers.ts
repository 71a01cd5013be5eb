import { chatCompletion } from "./chat.ts";
import { checkRequest } from "./check.ts";
import { textCompletion } from "./completions.ts";
import { embeddings } from "./embeddings.ts";
import { images } from "./images.ts";
import { moderation } from "./moderations.ts";
import type { Answered, Question } from "./question.ts";
import { errorBody } from "./refusal.ts";
import { response } from "./responses.ts";

/** The same bytes for the same question, at any time. */
export function answerTo(question: Question): Answered {
  const refusal = checkRequest(question.endpoint, question.body);
  if (refusal !== undefined) {
    const { message, code, param } = refusal;
    const body = errorBody(message, "invalid_request_error", code, param);
    return { status: 400, body: () => body, tokens: { input: 0, output: 0 } };
  }
  switch (question.endpoint) {
    case "/v1/chat/completions":
      return chatCompletion(question);
    case "/v1/responses":
      return response(question);
    case "/v1/embeddings":
      return embeddings(question);
    case "/v1/completions":
      return textCompletion(question);
    case "/v1/moderations":
      return moderation(question);
    case "/v1/images/generations":
    case "/v1/images/edits":
    case "/v1/images/variations":
      return images(question);
  }
}
