import type { Usage } from "../api/usage.ts";
import { addTallies, costOfTally, NO_ANSWERS, type Price, sumKnown, type Tally, tallyOf } from "../batch/money.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";

const WAYS = ["batch", "direct", "import"] as const;
type Sums = Map<(typeof WAYS)[number], Tally>;

/** What a dataset's answers cost, each by the way it came, from the lines beside the output files. */
export class Bill {
  readonly #all: Sums = new Map();
  readonly #used: Sums = new Map();
  readonly #price: Price | undefined;

  constructor(price: Price | null) {
    this.#price = price ?? undefined;
  }

  /** @param source a line of a `.sources.jsonl`  @param used whether the dataset holds an entry of this answer */
  add(source: JsonObject, used: boolean): void {
    const way = WAYS.find((name) => name === source["via"]);
    if (way === undefined || !Object.hasOwn(source, "usage")) return;
    const one = tallyOf([usageIn(source["usage"])]);
    for (const sums of used ? [this.#all, this.#used] : [this.#all])
      sums.set(way, addTallies(sums.get(way) ?? NO_ANSWERS, one));
  }

  /** Tokens and US dollars, as a manifest spells them. Dollars are null when unknown, and a least when some are unreported. */
  summary() {
    const all = [...this.#all.values()].reduce(addTallies, NO_ANSWERS);
    const { input, cachedInput, output } = all.usage;
    const unreported = all.unreported === 0 ? {} : { unreported_answers: all.unreported };
    return {
      answers: Object.fromEntries(
        WAYS.flatMap((way) => {
          const tally = this.#all.get(way);
          return tally === undefined ? [] : [[way, tally.answers]];
        }),
      ),
      tokens: { input, cached_input: cachedInput, output, ...unreported },
      cost_usd: this.#cost(this.#all),
      used_cost_usd: this.#cost(this.#used),
    };
  }

  #cost(sums: Sums): number | null {
    const cost = sumKnown([...sums].map(([way, tally]) => costOfTally(tally, this.#price, way)));
    return cost === null ? null : Math.round(cost * 1e6) / 1e6;
  }
}

function usageIn(value: JsonValue | undefined): Usage | null {
  if (!isJsonObject(value)) return null;
  const { input, cachedInput, output } = value;
  if (typeof input !== "number" || typeof cachedInput !== "number" || typeof output !== "number") return null;
  return { input, cachedInput, output };
}
