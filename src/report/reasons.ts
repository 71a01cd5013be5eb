import { unreachable } from "../graph/result.ts";
import type { RestoreReason } from "../graph/state.ts";
import type { StaleReason } from "./result-schema.ts";
import { nameRange, shortenChange } from "./shorten.ts";
import type { Style } from "./style.ts";

/** How much of a reason to show: characters for a value, and how many modules or names. */
export interface ReasonDetail {
  readonly width: number;
  readonly names: number;
}

/** One line that says why. Several names stand for one reason that several targets share. */
export function reasonText(
  reasons: readonly [StaleReason, ...StaleReason[]],
  detail: ReasonDetail,
  style: Style,
): string {
  const [reason] = reasons;
  switch (reason.kind) {
    case "never-built":
      return "never built";
    case "recipe-changed":
      return `its recipe changed: ${listed(reason.modules.length > 0 ? reason.modules : [reason.recipe], detail.names)}`;
    case "input-changed": {
      const what = nameRange([...new Set(reasons.flatMap((r) => (r.kind === "input-changed" ? [r.what] : [])))]);
      const same = reasons.every((r) => r.kind === "input-changed" && r.from === reason.from && r.to === reason.to);
      if (!same || isHash(reason.from) || isHash(reason.to)) return `${what} changed${hashes(reason, same)}`;
      const [before, after] = unquoted(reason.from, reason.to);
      const [from, to] = shortenChange(before, after, detail.width, style.marks.ellipsis);
      return `${what}: ${from} ${style.marks.arrow} ${to}`;
    }
    case "input-added":
      return `${nameRange(names(reasons))} ${wasWere(reasons)} added to its input "${reason.input}"`;
    case "input-removed":
      return `${nameRange(names(reasons))} ${wasWere(reasons)} taken from its input "${reason.input}"`;
    case "input-rebuilt":
      return `${nameRange(names(reasons))} ${isAre(reasons)} made again`;
    case "blob-lost":
      return `the cached copy of ${nameRange(names(reasons))} is gone or damaged`;
    default:
      return unreachable(reason);
  }
}

/** For a target that is made again only if an input comes out different: which ones. Other reasons read as ever. */
export function conditionText(
  reasons: readonly [StaleReason, ...StaleReason[]],
  detail: ReasonDetail,
  style: Style,
): string {
  if (reasons[0].kind !== "input-rebuilt") return reasonText(reasons, detail, style);
  const found = names(reasons);
  return `only if ${nameRange(found)} ${found.length === 1 ? "comes" : "come"} out different`;
}

/** Why a file is put back. */
export function restoreText(reason: RestoreReason): string {
  switch (reason) {
    case "missing":
      return "it was missing";
    case "edited":
      return "it was changed by hand";
    case "reverted":
      return "made before from the same inputs";
  }
}

/**
 * Equal for reasons that read the same but for a number: the ten shards of one tokenizer change are one line. Two
 * different changes of a value stay apart.
 */
export function reasonKey(reason: StaleReason): string {
  const general = (text: string) => text.replace(/\d+/g, "#");
  switch (reason.kind) {
    case "never-built":
      return reason.kind;
    case "recipe-changed":
      return JSON.stringify([reason.kind, reason.recipe, reason.modules]);
    case "input-changed": {
      const values = isHash(reason.from) ? [] : [reason.from, reason.to];
      return JSON.stringify([reason.kind, reason.input, general(reason.what), ...values]);
    }
    case "input-added":
    case "input-removed":
      return JSON.stringify([reason.kind, reason.input, general(reason.what)]);
    case "input-rebuilt":
      return JSON.stringify([reason.kind, reason.input, general(reason.target)]);
    case "blob-lost":
      return JSON.stringify([reason.kind, general(reason.output)]);
    default:
      return unreachable(reason);
  }
}

/** Reasons that read alike brought together, in order of first appearance. */
export function groupReasons(reasons: readonly StaleReason[]): readonly [StaleReason, ...StaleReason[]][] {
  const groups = new Map<string, [StaleReason, ...StaleReason[]]>();
  for (const reason of reasons) {
    const key = reasonKey(reason);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [reason]);
    else group.push(reason);
  }
  return [...groups.values()];
}

function names(reasons: readonly StaleReason[]): string[] {
  const found = reasons.flatMap((reason) => {
    switch (reason.kind) {
      case "input-added":
      case "input-removed":
        return [reason.what];
      case "input-rebuilt":
        return [reason.target];
      case "blob-lost":
        return [reason.output];
      case "never-built":
      case "recipe-changed":
      case "input-changed":
        return [];
      default:
        return unreachable(reason);
    }
  });
  return [...new Set(found)];
}

/** Two JSON strings without their quotes; anything else, and a string that becomes something else, as it is written. */
function unquoted(from: string, to: string): readonly [string, string] {
  const [a, b] = [stringOf(from), stringOf(to)];
  return a !== undefined && b !== undefined ? [a, b] : [from, to];
}

function stringOf(json: string): string | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "string" ? value : undefined;
  } catch {
    // A list of names, as when only an order has changed.
    return undefined;
  }
}

function isAre(reasons: readonly StaleReason[]): string {
  return names(reasons).length === 1 ? "is" : "are";
}

function wasWere(reasons: readonly StaleReason[]): string {
  return names(reasons).length === 1 ? "was" : "were";
}

/** Values too long to be shown come as the start of their hash. */
function isHash(text: string): boolean {
  return /^[0-9a-f]{12}$/.test(text);
}

function hashes(reason: { readonly from: string; readonly to: string }, same: boolean): string {
  return same && isHash(reason.from) ? ` (${reason.from.slice(0, 8)} to ${reason.to.slice(0, 8)})` : "";
}

function listed(items: readonly string[], limit: number): string {
  const rest = items.length - limit;
  return rest > 0 ? `${items.slice(0, limit).join(", ")} and ${rest} more` : items.join(", ");
}
