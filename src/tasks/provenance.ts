import { Texts } from "../graph/columns.ts";
import { isFingerprint } from "../graph/digest.ts";
import type { JsonObject, JsonValue } from "../graph/json.ts";
import type { Origin } from "./candidate.ts";
import { NumberList } from "./number-list.ts";

/** What is known of the answer that a scenario came from, beside what the scenario's line says. */
export interface AnswerSource {
  readonly shard: string;
  readonly batchId: JsonValue;
  /** Absent for tasks without axes. */
  readonly axes: JsonObject | undefined;
}

/** 32-bit words of a request's id. */
const ID_WORDS = 4;
const WORD_DIGITS = 8;

/** The line of a manifest after which its scenarios stand, a line each, and nothing else. */
export const SCENARIOS_LINE = '  "scenarios": [';

/**
 * Where each scenario of a dataset came from, in columns: 8 bytes a scenario and 32 an answer, most of them in files, since a
 * manifest can name a hundred million, and what comes before them in it is known last.
 */
export class Provenance {
  readonly #answerOf = new NumberList();
  readonly #entryOf = new NumberList();
  #size = 0;
  /** By answer. */
  readonly #ids = new NumberList();
  readonly #traits = [new NumberList(), new NumberList(), new NumberList(), new NumberList()];
  readonly #texts = new Texts();
  #answers = 0;
  /** The answers of the shard that is read now. */
  readonly #known = new Map<string, number>();
  #shard = "";
  /** Scenarios of answers that are not named as dsgen names them, by number. */
  readonly #odd = new Map<number, JsonObject>();

  get size(): number {
    return this.#size;
  }

  /** Takes the next scenario; shard by shard. */
  add(from: Origin, source: AnswerSource): void {
    const { custom_id, request_id, index } = from;
    const number = this.#size++;
    if (request_id === null || !isFingerprint(request_id) || !custom_id.endsWith(request_id)) {
      this.#odd.set(number, lineOf(number, from, source));
      this.#answerOf.push(0);
      this.#entryOf.push(0);
      return;
    }
    if (source.shard !== this.#shard) this.#known.clear();
    this.#shard = source.shard;
    const answer = this.#known.get(request_id) ?? this.#answer(request_id, custom_id, source);
    this.#answerOf.push(answer);
    this.#entryOf.push(index);
  }

  #answer(id: string, customId: string, { shard, batchId, axes }: AnswerSource): number {
    const answer = this.#answers++;
    this.#known.set(id, answer);
    for (let at = 0; at < id.length; at += WORD_DIGITS)
      this.#ids.push(Number.parseInt(id.slice(at, at + WORD_DIGITS), 16));
    const texts = [customId.slice(0, -id.length), shard, JSON.stringify(batchId), JSON.stringify(axes ?? null)];
    for (const [at, text] of texts.entries()) this.#traits[at]?.push(this.#texts.number(text));
    return answer;
  }

  /** The manifest's member of each scenario, in order, as JSON. */
  *lines(): Generator<string> {
    let answer = -1;
    let [before, after] = ["", ""];
    for (let number = 0; number < this.#size; number++) {
      const odd = this.#odd.get(number);
      if (odd !== undefined) {
        yield JSON.stringify(odd);
        continue;
      }
      // The entries of an answer come one after another.
      if (this.#answerOf.get(number) !== answer) {
        answer = this.#answerOf.get(number);
        [before, after] = this.#around(answer);
      }
      yield `{"scenario_id":${number}${before}${this.#entryOf.get(number)}${after}`;
    }
  }

  /** Gives back the files; nothing can be asked after. */
  close(): void {
    for (const list of [this.#answerOf, this.#entryOf, this.#ids, ...this.#traits]) list.close();
  }

  /** What stands in an answer's lines before and after the place of an entry. */
  #around(answer: number): [before: string, after: string] {
    const [prefix = "", shard = "", batch = "", axes = ""] = this.#traits.map((column) =>
      this.#texts.text(column.get(answer)),
    );
    let id = "";
    for (let word = answer * ID_WORDS; word < (answer + 1) * ID_WORDS; word++)
      id += this.#ids.get(word).toString(16).padStart(WORD_DIGITS, "0");
    const named = `,"shard":${JSON.stringify(shard)},"custom_id":${JSON.stringify(`${prefix}${id}`)},"request_id":"${id}"`;
    return [`${named},"batch_id":${batch},"entry":`, axes === "null" ? "}" : `,"axes":${axes}}`];
  }
}

function lineOf(number: number, from: Omit<Origin, "line">, { shard, batchId, axes }: AnswerSource): JsonObject {
  const { custom_id, request_id, index } = from;
  return {
    scenario_id: number,
    shard,
    custom_id,
    request_id,
    batch_id: batchId,
    entry: index,
    ...(axes === undefined ? {} : { axes }),
  };
}
