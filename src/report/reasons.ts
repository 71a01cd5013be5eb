import { unreachable } from "../graph/result.ts";
import type { RestoreReason } from "../graph/state.ts";
import { grouped } from "./format.ts";
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
  const found = names(reasons);
  const named = nameRange(found);
  const [is, was] = found.length === 1 ? ["is", "was"] : ["are", "were"];
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
      // An input that is one thing bears its name.
      return named === reason.input ? `${named} ${is} new` : `${named} ${was} added to its input "${reason.input}"`;
    case "input-removed":
      return named === reason.input
        ? `${named} ${is} no longer used`
        : `${named} ${was} taken from its input "${reason.input}"`;
    case "input-rebuilt":
      return `${named} ${is} made again`;
    case "blob-lost":
      return `the cached copy of ${named} is gone or damaged`;
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
export const RESTORED: Readonly<Record<RestoreReason, string>> = {
  missing: "it was missing",
  edited: "it was changed by hand",
  reverted: "made before from the same inputs",
  shared: "made by others from the same inputs",
};

/**
 * Equal for reasons that read the same but for a number: the ten shards of one tokenizer change are one line. Two
 * different changes of a value stay apart.
 */
export function reasonKey(reason: StaleReason): string {
  const { kind } = reason;
  const general = (text: string) => text.replace(/\d+/g, "#");
  switch (kind) {
    case "recipe-changed":
      return JSON.stringify([kind, reason.recipe, reason.modules]);
    case "input-changed":
      return JSON.stringify([
        kind,
        reason.input,
        general(reason.what),
        ...(isHash(reason.from) ? [] : [reason.from, reason.to]),
      ]);
    default:
      return JSON.stringify([kind, "input" in reason ? reason.input : "", general(nameIn(reason) ?? "")]);
  }
}

/** Reasons that read alike brought together, in order of first appearance. */
export function groupReasons(reasons: readonly StaleReason[]): readonly [StaleReason, ...StaleReason[]][] {
  return [...grouped(reasons, reasonKey).values()];
}

/** What a reason is about, where that is a name. */
function nameIn(reason: StaleReason): string | undefined {
  switch (reason.kind) {
    case "input-added":
    case "input-removed":
      return reason.what;
    case "input-rebuilt":
      return reason.target;
    case "blob-lost":
      return reason.output;
    case "never-built":
    case "recipe-changed":
    case "input-changed":
      return undefined;
    default:
      return unreachable(reason);
  }
}

function names(reasons: readonly StaleReason[]): readonly string[] {
  return [...new Set(reasons.flatMap((reason) => nameIn(reason) ?? []))];
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

/** Values too long to be kept come as the start of their hash, as the contents of files do. */
export function isHash(text: string): boolean {
  return /^[0-9a-f]{12}$/.test(text);
}

function hashes(reason: { readonly from: string; readonly to: string }, same: boolean): string {
  return same && isHash(reason.from) ? ` (${reason.from.slice(0, 8)} to ${reason.to.slice(0, 8)})` : "";
}

function listed(items: readonly string[], limit: number): string {
  const rest = items.length - limit;
  return rest > 0 ? `${items.slice(0, limit).join(", ")} and ${rest} more` : items.join(", ");
}
