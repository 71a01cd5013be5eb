import type { CheckConfig } from "../config/project-config.ts";
import { type Comparison, codePoints, isLongerThan, type PairVerdict } from "../tokenizers/pair-rule.ts";
import type { Candidate } from "./candidate.ts";
import { type CheckFailure, type ModuleCheck, runModule, type TokenFault } from "./check-verdict.ts";
import { dedupeKey } from "./distinct.ts";

/** What checks are made for: one task. */
export interface CheckSetting {
  /** The keys of an entry's texts, and what failures call the texts, in one order. */
  readonly fields: readonly string[];
  readonly textNames: readonly string[];
  readonly variants: readonly string[];
  readonly tokenizers: readonly string[];
  /** Code points a text may have; longer ones are neither encoded nor matched. */
  readonly maxCharacters: number;
  /** Seconds that a pattern or module may take over one candidate. */
  readonly timeoutSeconds: number;
  /** The functions of module checks, by path. */
  readonly modules: ReadonlyMap<string, ModuleCheck>;
}

/**
 * A check: a pure function of a candidate. A check that needs tokens is given the pair's verdict, which is made once a
 * candidate for all such checks.
 */
export type Check =
  | { readonly needs: "text"; readonly run: (candidate: Candidate) => CheckFailure | null }
  | { readonly needs: "tokens"; readonly run: (tokens: PairVerdict) => CheckFailure | null };

/** A check of a task's list. What each does and may be told: src/config/schema-checks.ts, docs/checks.md. */
export function makeCheck(config: CheckConfig, setting: CheckSetting): Check {
  switch (config.check) {
    case "equal-token-count":
      return { needs: "tokens", run: (tokens) => refused(tokens, setting) ?? unequalCounts(tokens, setting) };
    case "one-token-difference":
      // Counts must be equal here too: positions of unequal lists do not correspond.
      return {
        needs: "tokens",
        run: (tokens) =>
          refused(tokens, setting) ?? unequalCounts(tokens, setting) ?? notOneDifference(tokens, setting),
      };
    case "length": {
      const { min = 0, max = Number.MAX_SAFE_INTEGER } = config;
      const looked = fieldOf(config.field, setting);
      return onTexts(setting, looked, (text, member) => lengthFault(text, member, min, max));
    }
    case "regex": {
      const matcher = new RegExp(config.pattern, config.flags);
      const { must, pattern } = config;
      return onTexts(setting, fieldOf(config.field, setting), (text, member) => {
        if (isLongerThan(text, setting.maxCharacters)) return tooLong(member, setting.maxCharacters);
        if (matcher.test(text) === (must === "match")) return null;
        return { reason: must === "match" ? "no-match" : "forbidden-match", detail: { member, pattern } };
      });
    }
    case "distinct-texts":
      return {
        needs: "text",
        run: ({ texts }) =>
          new Set(texts.map((text) => dedupeKey([text], config.by))).size < texts.length
            ? { reason: "same-text", detail: {} }
            : null,
      };
    case "module": {
      const check = setting.modules.get(config.path);
      if (check === undefined) throw new Error(`the module check ${config.path} was not loaded`);
      return {
        needs: "text",
        run: (candidate) => runModule(check, config.path, candidate, config.params, setting.fields),
      };
    }
    case "schema":
      // Entries without their fields never become candidates.
      return {
        needs: "text",
        run: ({ extraKeys }) => (extraKeys.length === 0 ? null : { reason: "extra-keys", detail: { keys: extraKeys } }),
      };
  }
}

function refused(tokens: PairVerdict, setting: CheckSetting): CheckFailure | null {
  if (tokens.kind === "compared") return null;
  if (tokens.reason === "too-long") return tooLong(tokens.member, setting.maxCharacters);
  return { reason: tokens.reason, detail: { member: tokens.member } };
}

/** Of the pair that was looked at last: checks of one list ask the same one after another. */
let unequal:
  | { readonly of: PairVerdict; readonly setting: CheckSetting; readonly failure: CheckFailure | null }
  | undefined;

function unequalCounts(tokens: PairVerdict, setting: CheckSetting): CheckFailure | null {
  if (unequal?.of === tokens && unequal.setting === setting) return unequal.failure;
  const at = faultsIn(tokens, setting, ({ different, first, second }, variant, tokenizer) =>
    different === null ? { variant, tokenizer, first, second } : undefined,
  );
  const failure: CheckFailure | null = at.length === 0 ? null : { reason: "unequal-token-counts", detail: { at } };
  unequal = { of: tokens, setting, failure };
  return failure;
}

function notOneDifference(tokens: PairVerdict, setting: CheckSetting): CheckFailure | null {
  const at = faultsIn(tokens, setting, ({ different, first, second }, variant, tokenizer) =>
    different !== null && different.length !== 1
      ? { variant, tokenizer, first, second, positions: different.length }
      : undefined,
  );
  return at.length === 0 ? null : { reason: "not-one-difference", detail: { at } };
}

function faultsIn<T extends TokenFault>(
  tokens: PairVerdict,
  { variants, tokenizers }: CheckSetting,
  faultOf: (comparison: Comparison, variant: string, tokenizer: string) => T | undefined,
): T[] {
  const faults: T[] = [];
  if (tokens.kind !== "compared") return faults;
  let at = 0;
  for (const variant of variants) {
    for (const tokenizer of tokenizers) {
      const comparison = tokens.comparisons[at++];
      if (comparison === undefined) throw new Error(`the verdict lacks ${variant} under ${tokenizer}`);
      const fault = faultOf(comparison, variant, tokenizer);
      if (fault !== undefined) faults.push(fault);
    }
  }
  return faults;
}

/** The index of the field a check looks at, or undefined for all. */
function fieldOf(field: string | undefined, { fields }: CheckSetting): number | undefined {
  const at = field === undefined ? -1 : fields.indexOf(field);
  return at < 0 ? undefined : at;
}

function onTexts(
  setting: CheckSetting,
  looked: number | undefined,
  look: (text: string, member: string) => CheckFailure | null,
): Check {
  return { needs: "text", run: (candidate) => eachText(candidate, setting, looked, look) };
}

/** The first fault among the texts looked at. */
function eachText(
  { texts }: Candidate,
  { textNames }: CheckSetting,
  looked: number | undefined,
  look: (text: string, member: string) => CheckFailure | null,
): CheckFailure | null {
  for (const [at, text] of texts.entries()) {
    if (looked !== undefined && looked !== at) continue;
    const failure = look(text, textNames[at] ?? "");
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
