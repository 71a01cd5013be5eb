import type { RequestLine } from "../api/request-file.ts";
import type { Usage } from "../api/usage.ts";
import type { Ask } from "../events/schema.ts";
import type { JsonObject } from "../graph/json.ts";

/** A model's list prices, in US dollars per million tokens, under the names that `config/models.yaml` gives them. */
export interface Price {
  readonly input_usd_per_mtok: number;
  readonly cached_input_usd_per_mtok: number | null;
  readonly output_usd_per_mtok: number;
  /** The share that the Batch API takes off: 0.5 is half price. */
  readonly batch_discount: number;
  /** Tokens that a request and its answer may hold together; null when not known. */
  readonly context_window: number | null;
}

/** What is paid: the Batch API's reduced price, or the full one of a call in real time. */
export type Rate = "batch" | "full";

/** Tokens of several answers. `unreported` answers came without a count that makes sense: theirs are missing here. */
export type Tally = {
  readonly answers: number;
  readonly unreported: number;
  readonly usage: Usage;
};

export const NO_ANSWERS: Tally = { answers: 0, unreported: 0, usage: { input: 0, cachedInput: 0, output: 0 } };

/** Answers by what each says of its tokens. */
export function tallyOf(usages: readonly (Usage | null)[]): Tally {
  const one = (usage: Usage | null) => ({ ...chargeOf(usage), answers: 1, unreported: usage === null ? 1 : 0 });
  return usages.map(one).reduce(addTallies, NO_ANSWERS);
}

/** Tokens that were charged for a call without an answer; null: none, as far as anything says. */
export function chargeOf(usage: Usage | null): Tally {
  return { ...NO_ANSWERS, usage: usage ?? NO_ANSWERS.usage };
}

export function addTallies(a: Tally, b: Tally): Tally {
  return {
    answers: a.answers + b.answers,
    unreported: a.unreported + b.unreported,
    usage: {
      input: a.usage.input + b.usage.input,
      cachedInput: a.usage.cachedInput + b.usage.cachedInput,
      output: a.usage.output + b.usage.output,
    },
  };
}

/** Counts the tokens a request's body sends; null when the model's encoding is not known here. */
export type CountTokens = (line: RequestLine) => number | null;

/** US dollars for tokens that were used; null for a model without a price, never zero. */
export function costOf(usage: Usage, price: Price | undefined, rate: Rate): number | null {
  if (price === undefined) return null;
  const cached = Math.min(usage.cachedInput, usage.input);
  const dollars =
    (usage.input - cached) * price.input_usd_per_mtok +
    cached * (price.cached_input_usd_per_mtok ?? price.input_usd_per_mtok) +
    usage.output * price.output_usd_per_mtok;
  return (dollars / 1e6) * (rate === "batch" ? 1 - price.batch_discount : 1);
}

/** How answers came, which decides what they cost here: half price, the full one, or nothing. */
export type Way = "batch" | "direct" | "import";

/** The same for several answers: at least this, when some are unreported; null when all of them are. */
export function costOfTally({ answers, unreported, usage }: Tally, price: Price | undefined, way: Way): number | null {
  if (way === "import") return 0;
  return answers > 0 && unreported === answers ? null : costOf(usage, price, way === "batch" ? "batch" : "full");
}

/** A sum in which one unknown makes the whole unknown. */
export function sumKnown(values: Iterable<number | null>): number | null {
  let sum = 0;
  for (const value of values) {
    if (value === null) return null;
    sum += value;
  }
  return sum;
}

/**
 * US dollars for people; `null` is unknown, never zero. No amount but zero is shown as zero: below a dime it keeps two
 * digits that count, as far down as a billionth.
 */
export function dollars(usd: number | null): string {
  if (usd === null) return "unknown";
  if (usd === 0) return "$0.00";
  if (usd < 1e-9) return "<$0.000000001";
  const digits = usd >= 0.0995 ? 2 : Math.max(4, 1 - Math.floor(Math.log10(usd)));
  const [whole = "0", fraction = ""] = usd.toFixed(digits).split(".");
  return `$${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${fraction.replace(/0+$/, "").padEnd(2, "0")}`;
}

export type Estimate = Pick<Ask, "inputTokens" | "outputTokens" | "costUsd" | "maxCostUsd">;

/**
 * What asking these requests would cost. Expected output: the mean of such answers so far, where there were any, else half of
 * the allowed; the bound takes every answer as long as allowed.
 * @param meanOutput tokens a request; null when there were none before
 */
export function estimate(
  lines: readonly RequestLine[],
  price: Price | undefined,
  countTokens: CountTokens,
  { rate, meanOutput }: { readonly rate: Rate; readonly meanOutput: number | null },
): Estimate {
  const each = lines.map((line) => {
    const input = countTokens(line);
    const limit = outputLimit(line);
    const most = limit ?? roomFor(line, input, price);
    const likely = meanOutput ?? (limit === null ? null : limit / 2);
    return { input, most, likely: most === null || likely === null ? likely : Math.min(most, likely) };
  });
  const input = sumKnown(each.map((one) => one.input));
  const likely = sumKnown(each.map((one) => one.likely));
  const most = sumKnown(each.map((one) => one.most));
  const cost = (output: number | null) =>
    input === null || output === null ? null : costOf({ input, cachedInput: 0, output }, price, rate);
  return {
    inputTokens: input,
    outputTokens: likely === null ? null : Math.round(likely),
    costUsd: cost(likely),
    maxCostUsd: cost(most),
  };
}

/** The most tokens an answer may have by what the request says; embeddings have none. Null when it sets no bound. */
function outputLimit({ url, body }: RequestLine): number | null {
  if (url === "/v1/embeddings") return 0;
  for (const key of ["max_completion_tokens", "max_tokens", "max_output_tokens"]) {
    const value = body[key];
    if (typeof value === "number") return value * choicesOf(body);
  }
  return null;
}

/** What an answer without such a bound can come to: what the model's window leaves beside the input. */
function roomFor({ body }: RequestLine, input: number | null, price: Price | undefined): number | null {
  const window = price?.context_window ?? null;
  return window === null || input === null ? null : Math.max(0, window - input) * choicesOf(body);
}

function choicesOf(body: JsonObject): number {
  return typeof body["n"] === "number" ? body["n"] : 1;
}
