import type { Usage } from "../api/usage.ts";
import { addTallies, costOfTally, NO_ANSWERS, type Price, sumKnown, type Tally } from "../batch/money.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";

/** How an answer came, which decides what it cost: half price, the full one, or nothing here. */
const WAYS = ["batch", "direct", "import"] as const;
type Way = (typeof WAYS)[number];

/** What a dataset's answers cost, each by the way it came, from the lines beside the output files. */
export class Bill {
  readonly #all = new Map<Way, Tally>();
  readonly #used = new Map<Way, Tally>();
  readonly #price: Price | undefined;

  constructor(price: Price | null) {
    this.#price = price ?? undefined;
  }

  /** @param source a line of a `.sources.jsonl`  @param used whether the dataset holds an entry of this answer */
  add(source: JsonObject, used: boolean): void {
    const way = WAYS.find((name) => name === source["via"]);
    if (way === undefined || !Object.hasOwn(source, "usage")) return;
    const usage = usageIn(source["usage"]);
    const one: Tally = { answers: 1, unreported: usage === null ? 1 : 0, usage: usage ?? NO_ANSWERS.usage };
    for (const sums of used ? [this.#all, this.#used] : [this.#all]) {
      sums.set(way, addTallies(sums.get(way) ?? NO_ANSWERS, one));
    }
  }

  /** Tokens and US dollars, as a manifest spells them. Dollars are null when unknown, and a least when some are unreported. */
  summary() {
    const all = [...this.#all.values()].reduce(addTallies, NO_ANSWERS);
    const { input, cachedInput, output } = all.usage;
    return {
      answers: Object.fromEntries(WAYS.flatMap((way) => this.#count(way))),
      tokens: {
        input,
        cached_input: cachedInput,
        output,
        ...(all.unreported === 0 ? {} : { unreported_answers: all.unreported }),
      },
      cost_usd: this.#cost(this.#all),
      used_cost_usd: this.#cost(this.#used),
    };
  }

  #count(way: Way): readonly (readonly [Way, number])[] {
    const { answers } = this.#all.get(way) ?? NO_ANSWERS;
    return answers === 0 ? [] : [[way, answers]];
  }

  #cost(sums: ReadonlyMap<Way, Tally>): number | null {
    const cost = sumKnown(
      [...sums].map(([way, tally]) =>
        way === "import" ? 0 : costOfTally(tally, this.#price, way === "batch" ? "batch" : "full"),
      ),
    );
    return cost === null ? null : Math.round(cost * 1e6) / 1e6;
  }
}

function usageIn(value: JsonValue | undefined): Usage | null {
  if (!isJsonObject(value)) return null;
  const [input, cachedInput, output] = [value["input"], value["cachedInput"], value["output"]];
  if (typeof input !== "number" || typeof cachedInput !== "number" || typeof output !== "number") return null;
  return { input, cachedInput, output };
}
