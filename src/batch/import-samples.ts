import { readJson } from "../api/read-json.ts";
import { type Fingerprint, fingerprintOfJson } from "../graph/digest.ts";
import { canonicalJson, isJsonObject } from "../graph/json.ts";
import type { ImportedRequest } from "./import-requests.ts";
import { type RequestId, requestId } from "./request-file.ts";
import type { Responses } from "./responses.ts";

/** What one answer says, whatever custom_id stands on its line. */
export function answerMark(raw: string): Fingerprint {
  const line = readJson(raw);
  return fingerprintOfJson(isJsonObject(line) ? (line["response"] ?? null) : null);
}

/**
 * Identical requests are told apart by their number alone, counted over the files of one import. Whoever imports their files
 * one by one counts from 0 each time: an answer that finds its number taken by another answer is the next free sample of
 * the same question, since both were paid for.
 */
export class Samples {
  readonly #responses: Responses;
  /** Answers taken by this import and not yet in the index. */
  readonly #taken = new Map<RequestId, Fingerprint>();
  readonly #questions = new Map<string, { readonly marks: Set<Fingerprint>; next: number }>();

  constructor(responses: Responses) {
    this.#responses = responses;
  }

  /** The request that an answer belongs to; undefined when this very answer is here already. */
  place(request: ImportedRequest, mark: Fingerprint): RequestId | undefined {
    const there = this.#at(request.id);
    if (there === mark) return undefined;
    const id = there === undefined ? request.id : this.#next(request, mark);
    if (id !== undefined) this.#taken.set(id, mark);
    return id;
  }

  #next({ url, body }: ImportedRequest, mark: Fingerprint): RequestId | undefined {
    const same = `${url}\n${canonicalJson(body)}`;
    const question = this.#questions.get(same) ?? { marks: new Set(), next: 0 };
    this.#questions.set(same, question);
    for (;;) {
      if (question.marks.has(mark)) return undefined;
      const id = requestId(url, body, question.next);
      const there = this.#at(id);
      if (there === undefined) return id;
      question.next++;
      question.marks.add(there);
    }
  }

  /** What the answer of a request says, undefined when it has none. One that cannot be read is like no other. */
  #at(id: RequestId): Fingerprint | undefined {
    const taken = this.#taken.get(id);
    if (taken !== undefined) return taken;
    if (this.#responses.lookup(id)?.kind !== "answer") return undefined;
    return answerMark(this.#responses.readRaw(id) ?? "");
  }
}
