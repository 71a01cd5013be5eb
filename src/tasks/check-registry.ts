import type { JsonObject } from "../graph/json.ts";
import { projectPath } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import type { Result } from "../graph/result.ts";
import { err, ok } from "../graph/result.ts";
import { codePoints, isLongerThan, type PairVerdict } from "../tokenizers/pair-rule.ts";
import type { Candidate, EntryNames } from "./candidate.ts";
import { type ModuleCheck, runModule } from "./check-module.ts";
import { CheckParams } from "./check-params.ts";
import type { CheckFailure, TokenFault } from "./check-verdict.ts";
import { dedupeKey } from "./dedupe.ts";

/** What checks are made for: one task. */
export interface CheckSetting extends EntryNames {
  readonly variants: readonly string[];
  readonly tokenizers: readonly string[];
  /** Code points a text may have; longer ones are neither encoded nor matched. */
  readonly maxCharacters: number;
  /** The functions of module checks, by path. Absent while a task is only looked at, and nothing run. */
  readonly modules?: ReadonlyMap<string, ModuleCheck>;
}

/**
 * A check: a pure function of a candidate. A check that needs tokens is given the pair's verdict, which is made once a
 * candidate for all such checks.
 */
export type Check =
  | { readonly needs: "text"; readonly run: (candidate: Candidate) => CheckFailure | null }
  | { readonly needs: "tokens"; readonly run: (tokens: PairVerdict) => CheckFailure | null };

/** Makes a check from its parameters, or says what is wrong with them. */
export type MakeCheck = (where: string, params: JsonObject, setting: CheckSetting) => Result<Check, readonly Problem[]>;

/** Every check, by the name a task lists it under. */
export const CHECKS: Readonly<Record<string, MakeCheck>> = {
  "equal-token-count": (where, params, setting) =>
    finish(new CheckParams(where, params, []), {
      needs: "tokens",
      run: (tokens) => refused(tokens, setting) ?? unequalCounts(tokens, setting),
    }),
  /** Counts must be equal here too: positions of unequal lists do not correspond. */
  "one-token-difference": (where, params, setting) =>
    finish(new CheckParams(where, params, []), {
      needs: "tokens",
      run: (tokens) => refused(tokens, setting) ?? unequalCounts(tokens, setting) ?? notOneDifference(tokens, setting),
    }),
  /** `min` and `max`, in Unicode code points. `field`: one of the fields, or all of them when absent. */
  length: (where, params, setting) => {
    const read = new CheckParams(where, params, ["field", "min", "max"]);
    const looked = fieldOf(read, setting);
    const min = read.count("min") ?? 0;
    const max = read.count("max") ?? Number.MAX_SAFE_INTEGER;
    if (params["min"] === undefined && params["max"] === undefined) {
      read.add(
        "a length check needs min, max or both.",
        "Say how many characters a text must at least or may at most have.",
      );
    }
    if (min > max) read.add(`min (${min}) is more than max (${max}).`, "Swap them.");
    return finish(read, {
      needs: "text",
      run: (candidate) => eachText(candidate, setting, looked, (text, member) => lengthFault(text, member, min, max)),
    });
  },
  /** `field`: one of the fields, or all of them when absent. `must`: match or not. */
  regex: (where, params, setting) => {
    const read = new CheckParams(where, params, ["field", "pattern", "flags", "must"]);
    const looked = fieldOf(read, setting);
    const must = read.word("must", ["match", "not"], "match");
    const pattern = read.text("pattern");
    if (pattern === undefined && params["pattern"] === undefined) {
      read.add("a regex check needs a pattern.", 'Add for example pattern: "^[A-Z]".');
    }
    const matcher = compile(read, pattern ?? "", read.text("flags") ?? "u");
    return finish(read, {
      needs: "text",
      run: (candidate) =>
        eachText(candidate, setting, looked, (text, member) => {
          // A person's pattern may take exponential time: it never sees a text of any length.
          if (isLongerThan(text, setting.maxCharacters)) return tooLong(member, setting.maxCharacters);
          if (matcher.test(text) === (must === "match")) return null;
          const reason = must === "match" ? "no-match" : "forbidden-match";
          return { reason, detail: { member, pattern: matcher.source } };
        }),
    });
  },
  /** No two texts of the entry are the same. `by`: exact or normalised (as dedupe has it). */
  "distinct-texts": (where, params) => {
    const read = new CheckParams(where, params, ["by"]);
    const by = read.word("by", ["exact", "normalised"], "exact");
    return finish(read, {
      needs: "text",
      run: ({ texts }) =>
        new Set(texts.map((text) => dedupeKey([text], by))).size < texts.length
          ? { reason: "same-text", detail: {} }
          : null,
    });
  },
  /** `path`: a module of the project's own, whose default export is the check; other parameters are handed to it. */
  module: (where, params, setting) => {
    const read = new CheckParams(where, params, Object.keys(params));
    const path = read.text("path");
    const inside = path === undefined ? undefined : projectPath(path);
    if (path === undefined && params["path"] === undefined) {
      read.add("a module check needs a path.", "Add for example path: targets/checks/rhymes.ts.");
    } else if (inside !== undefined && !inside.ok) {
      read.add(`"path" must lie in the project, found ${JSON.stringify(path)}: ${inside.error}.`, 'Correct "path".');
    }
    const { path: _path, ...own } = params;
    return finish(read, {
      needs: "text",
      run: (candidate) => runModule(setting.modules?.get(path ?? ""), path ?? "", candidate, own, setting),
    });
  },
  /** The entry had its fields and no other key. (Entries without them never become candidates.) */
  schema: (where, params) =>
    finish(new CheckParams(where, params, []), {
      needs: "text",
      run: ({ extraKeys }) => (extraKeys.length === 0 ? null : { reason: "extra-keys", detail: { keys: extraKeys } }),
    }),
};

function finish(params: CheckParams, check: Check): Result<Check, readonly Problem[]> {
  return params.problems.length > 0 ? err(params.problems) : ok(check);
}

function refused(tokens: PairVerdict, setting: CheckSetting): CheckFailure | null {
  if (tokens.kind === "compared") return null;
  if (tokens.reason === "too-long") return tooLong(tokens.member, setting.maxCharacters);
  return { reason: tokens.reason, detail: { member: tokens.member } };
}

function unequalCounts(tokens: PairVerdict, setting: CheckSetting): CheckFailure | null {
  const at: TokenFault[] = [];
  forEachComparison(tokens, setting, (place, different) => {
    if (different === null) at.push(place);
  });
  return at.length === 0 ? null : { reason: "unequal-token-counts", detail: { at } };
}

function notOneDifference(tokens: PairVerdict, setting: CheckSetting): CheckFailure | null {
  const at: (TokenFault & { readonly positions: number })[] = [];
  forEachComparison(tokens, setting, (place, different) => {
    if (different !== null && different.length !== 1) at.push({ ...place, positions: different.length });
  });
  return at.length === 0 ? null : { reason: "not-one-difference", detail: { at } };
}

function forEachComparison(
  tokens: PairVerdict,
  setting: CheckSetting,
  visit: (place: TokenFault, different: readonly number[] | null) => void,
): void {
  if (tokens.kind !== "compared") return;
  setting.variants.forEach((variant, v) => {
    setting.tokenizers.forEach((tokenizer, t) => {
      const comparison = tokens.comparisons[v * setting.tokenizers.length + t];
      if (comparison === undefined) throw new Error(`the verdict lacks ${variant} under ${tokenizer}`);
      visit({ variant, tokenizer, first: comparison.first, second: comparison.second }, comparison.different);
    });
  });
}

/** Every field, under the word for it that the kind of entry uses. */
const ALL_FIELDS = { pairs: "both", records: "all", embeddings: "all" } as const;

/** The index of the field a check looks at, or undefined for all. */
function fieldOf(params: CheckParams, { kind, fields }: CheckSetting): number | undefined {
  const all = ALL_FIELDS[kind];
  const word = params.word("field", [...fields, all], all);
  return word === all ? undefined : fields.indexOf(word);
}

/** The first fault among the texts looked at. A pair's texts are called first and second, a record's by their fields. */
function eachText(
  { texts }: Candidate,
  { kind, fields }: CheckSetting,
  looked: number | undefined,
  look: (text: string, member: string) => CheckFailure | null,
): CheckFailure | null {
  for (const [at, text] of texts.entries()) {
    if (looked !== undefined && looked !== at) continue;
    const member = kind === "pairs" ? (at === 0 ? "first" : "second") : (fields[at] ?? "");
    const failure = look(text, member);
    if (failure !== null) return failure;
  }
  return null;
}

function lengthFault(text: string, member: string, min: number, max: number): CheckFailure | null {
  if (isLongerThan(text, max)) return tooLong(member, max);
  const characters = codePoints(text);
  return characters < min ? { reason: "too-short", detail: { member, characters, min } } : null;
}

function tooLong(member: string, max: number): CheckFailure {
  return { reason: "too-long", detail: { member, max } };
}

function compile(params: CheckParams, pattern: string, flags: string): RegExp {
  try {
    if (/[gy]/.test(flags)) throw new SyntaxError("the flags g and y make a match depend on the one before");
    return new RegExp(pattern, flags);
  } catch (error) {
    params.add(
      `the pattern ${JSON.stringify(pattern)} with the flags ${JSON.stringify(flags)} cannot be used: ${error instanceof Error ? error.message : String(error)}.`,
      "Write it as a JavaScript regular expression, without the slashes.",
    );
    return /(?!)/;
  }
}
