import { distance } from "fastest-levenshtein";

/**
 * The known word a mistyped one was most likely meant to be, or undefined when none is near enough to be worth a
 * suggestion. A word also counts as near when it resembles one part of a known one (`tarrget` → `target_scenarios`).
 */
export function nearestWord(typed: string, known: readonly string[]): string | undefined {
  const wanted = typed.toLowerCase();
  let best: { readonly word: string; readonly score: number } | undefined;
  for (const word of known) {
    const score = unlikeness(wanted, word.toLowerCase());
    if (score <= Math.max(1, Math.ceil(wanted.length / 3)) && (best === undefined || score < best.score)) {
      best = { word, score };
    }
  }
  return best?.word;
}

/** Edits between the words; half an edit more when only a part of the known word is meant. */
function unlikeness(typed: string, word: string): number {
  const whole = distance(typed, word);
  // Parts of two letters resemble everything.
  const parts = word.split(/[_\-./]/).filter((part) => part.length > 2 && part !== word);
  return Math.min(whole, ...parts.map((part) => distance(typed, part) + 0.5));
}
