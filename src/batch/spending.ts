import { readOutputLine } from "../api/output-line.ts";
import type { Digest } from "../graph/digest.ts";
import type { Usage } from "./job.ts";
import { costOf, type Price } from "./money.ts";
import type { ResponseEntry } from "./responses.ts";

/** What one kind of answer of one task and model came to. */
export interface SpendingLine {
  readonly task: string;
  readonly model: string;
  readonly via: ResponseEntry["via"];
  readonly answers: number;
  readonly usage: Usage;
  /** US dollars; null when the model's price, or what an answer used, is not known. Imported answers were paid for elsewhere. */
  readonly usd: number | null;
}

/** Answers that a build needed and had already: what it did not pay. A journal line. */
export type ReuseRecord = {
  readonly t: "reuse";
  /** Digest of the request file that needed them; counted once each. */
  readonly from: Digest;
  readonly namespace: string;
  readonly task: string | null;
  readonly model: string;
  readonly requests: number;
  readonly usage: Usage;
  readonly at: number;
};

/** Answers taken in from elsewhere. A journal line. */
export type ImportRecord = {
  readonly t: "import";
  readonly namespace: string;
  readonly answers: number;
  readonly blob: Digest;
  readonly at: number;
};

export interface SpendingSources {
  entries(): Iterable<ResponseEntry>;
  raw(entry: ResponseEntry): string | undefined;
  priceOf(model: string): Price | undefined;
}

/** Every stored answer once, priced from its own `usage`, by task, model and the way it came. */
export function spendingOf(sources: SpendingSources): readonly SpendingLine[] {
  const groups = new Map<string, Omit<SpendingLine, "usd"> & { readonly unknown: boolean }>();
  for (const entry of sources.entries()) {
    if (entry.kind !== "answer") continue;
    const raw = sources.raw(entry);
    const read = raw === undefined ? undefined : readPriced(raw);
    if (read === undefined) continue;
    const key = `${read.task}\n${read.model}\n${entry.via}`;
    const { task, model, usage } = read;
    const group = groups.get(key) ?? { task, model, via: entry.via, answers: 0, usage: NOTHING, unknown: false };
    groups.set(key, {
      ...group,
      answers: group.answers + 1,
      usage: addUsage(group.usage, usage ?? NOTHING),
      unknown: group.unknown || usage === null,
    });
  }
  return [...groups.values()]
    .sort((a, b) => (`${a.task}\n${a.model}\n${a.via}` < `${b.task}\n${b.model}\n${b.via}` ? -1 : 1))
    .map(({ unknown, ...group }) => {
      const known = unknown ? null : costOf(group.usage, sources.priceOf(group.model), group.via === "batch");
      return { ...group, usd: group.via === "import" ? 0 : known };
    });
}

export const NOTHING: Usage = { input: 0, cachedInput: 0, output: 0 };

export function addUsage(a: Usage, b: Usage): Usage {
  return { input: a.input + b.input, cachedInput: a.cachedInput + b.cachedInput, output: a.output + b.output };
}

/** The task is in the custom_id, the model and the tokens in the body. */
function readPriced(raw: string): { task: string; model: string; usage: Usage | null } | undefined {
  const read = readOutputLine(raw, (custom) => (custom.length > 33 ? custom.slice(0, -33) : ""));
  if (read.kind !== "answer") return undefined;
  return { task: read.id, model: read.answer.model ?? "unknown", usage: read.answer.usage };
}

/** The name under which a dated model (`gpt-4o-2024-08-06`) is priced: itself, else the longest name it extends. */
export function pricedName(model: string, known: readonly string[]): string | undefined {
  if (known.includes(model)) return model;
  const stems = known.filter((name) => model.startsWith(`${name}-`) && /^\d/.test(model.slice(name.length + 1)));
  return stems.sort((a, b) => b.length - a.length)[0];
}
