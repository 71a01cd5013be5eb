import { closest } from "fastest-levenshtein";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { randomFrom } from "./random.ts";

/** The calls that a fault may strike. `list` lists batches. */
export const OPERATIONS = [
  "upload",
  "create",
  "retrieve",
  "list",
  "list-files",
  "download",
  "cancel",
  "answer",
] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Faults of one call on the wire: whether the server acts, and what the client sees of it. */
export const WIRE_FAULTS = {
  "reset-before": "the connection is reset before the server acts",
  "reset-after": "the server acts, then the connection is reset",
  "timeout-before": "the server never acts and never answers",
  "timeout-after": "the server acts and never answers",
  "500-before": "500, nothing done",
  "500-after": "500, although it was done",
  "503": "503, nothing done",
  "429": "429 with retry-after, nothing done; =SECONDS (default 1), =quota for insufficient_quota",
  "401": "401 although the key is right, nothing done",
  "html-200": "200 with an HTML page, nothing done",
  "truncated-body": "half of the answer, then the connection ends",
  "slow-body": "the answer in eight pieces; =MILLISECONDS between them (default 20)",
  "wrong-content-length": "content-length announces more bytes than come",
} as const;
export type WireFault = keyof typeof WIRE_FAULTS;

/** Faults of what is said or kept rather than of the connection. Those on `create` stick to the batch it creates. */
const MEANING_FAULTS = {
  "batch-failed": {
    on: ["create"],
    about: "created, then failed at validation; =LINE named in the errors (default 1)",
  },
  "token-limit-exceeded": { on: ["create"], about: "created, then failed with token_limit_exceeded" },
  expired: { on: ["create"], about: "expires unfinished; =SHARE executed before (default 0.5)" },
  "cancelled-partial": { on: ["create"], about: "cancelled by someone else; =SHARE executed before (default 0.5)" },
  "error-lines": {
    on: ["create"],
    about: "error lines; =STATUS/EVERY (default 500/10), STATUS 400, 401, 404, 429 or 500",
  },
  "only-error-file": { on: ["create"], about: "completed without an output file; =STATUS of every line (default 400)" },
  "fewer-lines": {
    on: ["create"],
    about: "requests that no line speaks of, counted as failed and not charged; =HOW MANY (default 1)",
  },
  "unknown-custom-ids": {
    on: ["create"],
    about: "the output holds lines that nobody asked for; =HOW MANY (default 1)",
  },
  "file-not-found-after-upload": { on: ["create"], about: "400: the file that was just uploaded cannot be found" },
  "output-file-gone": { on: ["download"], about: "404 on a file's content" },
  "foreign-batch": { on: ["retrieve"], about: "404, as for a batch of another project" },
  "listing-lag": {
    on: ["list", "list-files"],
    about: "what was just created is not listed yet; =MILLISECONDSms or =NUMBERcalls (default 2calls)",
  },
} as const satisfies Record<string, { readonly on: readonly Operation[]; readonly about: string }>;
export type MeaningFault = keyof typeof MEANING_FAULTS;

export type FaultKind = WireFault | MeaningFault;

/** A fault by name. Without `nth`, `times` and `probability` it strikes the first call (`listing-lag`: every call). */
export interface Fault {
  readonly on: Operation;
  readonly kind: FaultKind;
  /** The first call it strikes, from 1. */
  readonly nth?: number;
  /** How many calls it strikes from there on; Infinity for all. */
  readonly times?: number;
  /** Strikes each call with this probability instead (decided by the seed). */
  readonly probability?: number;
  /** What follows `=` in the text form. */
  readonly value?: string;
}

/** Every fault there is, with the calls it may strike and one line about it, for `--help` and the docs. */
export const FAULT_CATALOGUE: readonly {
  readonly kind: FaultKind;
  readonly on: readonly Operation[];
  readonly about: string;
}[] = [
  ...keys(WIRE_FAULTS).map((kind) => ({ kind, on: OPERATIONS, about: WIRE_FAULTS[kind] })),
  ...keys(MEANING_FAULTS).map((kind) => ({ kind, on: MEANING_FAULTS[kind].on, about: MEANING_FAULTS[kind].about })),
];

function keys<K extends string>(record: Readonly<Record<K, unknown>>): K[] {
  return Object.keys(record).filter((key): key is K => Object.hasOwn(record, key));
}

export function isWireFault(kind: FaultKind): kind is WireFault {
  return Object.hasOwn(WIRE_FAULTS, kind);
}

/** Which values a kind takes after `=`; kinds that are not listed take none. */
const VALUES: Partial<Record<FaultKind, RegExp>> = {
  "429": /^(?:\d+(?:\.\d+)?|quota)$/,
  "slow-body": /^\d+$/,
  "batch-failed": /^\d+$/,
  expired: /^(?:0?\.\d+|0|1)$/,
  "cancelled-partial": /^(?:0?\.\d+|0|1)$/,
  "error-lines": /^(?:400|401|404|429|500)(?:\/[1-9]\d*)?$/,
  "only-error-file": /^(?:400|401|404|429|500)$/,
  "fewer-lines": /^\d+$/,
  "unknown-custom-ids": /^\d+$/,
  "listing-lag": /^\d+(?:ms|calls)$/,
};

/**
 * Reads `operation:kind[=value][#nth[xtimes]][~probability]`, as `dsgen simulate --fault` takes it:
 * `create:reset-after#1`, `upload:500-before#2x3`, `download:truncated-body~0.1`, `retrieve:503#1x*`.
 */
export function parseFault(text: string): Result<Fault, Problem> {
  const groups =
    /^(?<on>[^:]*):(?<kind>[^=#~]*)(?:=(?<value>[^#~]*))?(?:#(?<nth>\d+)(?:x(?<times>\d+|\*))?)?(?:~(?<share>[\d.]+))?$/.exec(
      text.trim(),
    )?.groups;
  if (groups === undefined) {
    return wrong(
      text,
      "expected operation:kind[=value][#nth[xtimes]][~probability]",
      "For example create:reset-after#1.",
    );
  }
  const on = OPERATIONS.find((operation) => operation === groups["on"]);
  if (on === undefined) {
    return wrong(text, `there is no operation "${groups["on"]}"`, `Name one of ${OPERATIONS.join(", ")}.`);
  }
  const entry = FAULT_CATALOGUE.find(({ kind }) => kind === groups["kind"]);
  if (entry === undefined) {
    const near = closest(
      groups["kind"] ?? "",
      FAULT_CATALOGUE.map(({ kind }) => kind),
    );
    return wrong(text, `there is no fault "${groups["kind"]}"`, `Did you mean ${near}?`);
  }
  const fault: Fault = {
    on,
    kind: entry.kind,
    ...(groups["value"] === undefined ? {} : { value: groups["value"] }),
    ...(groups["nth"] === undefined ? {} : { nth: Number(groups["nth"]) }),
    ...(groups["times"] === undefined
      ? {}
      : { times: groups["times"] === "*" ? Number.POSITIVE_INFINITY : Number(groups["times"]) }),
    ...(groups["share"] === undefined ? {} : { probability: Number(groups["share"]) }),
  };
  const reason = whatIsWrong(fault);
  return reason === undefined ? ok(fault) : wrong(text, reason, "See `dsgen simulate --help` for the faults.");
}

/** Why a fault cannot be, or undefined. */
function whatIsWrong(fault: Fault): string | undefined {
  const entry = FAULT_CATALOGUE.find(({ kind }) => kind === fault.kind);
  if (entry === undefined) return `there is no fault "${fault.kind}"`;
  if (!entry.on.includes(fault.on)) return `${fault.kind} strikes only ${entry.on.join(" and ")}, not ${fault.on}`;
  const values = VALUES[fault.kind];
  if (fault.value !== undefined && values === undefined) return `${fault.kind} takes no value`;
  if (fault.value !== undefined && values?.test(fault.value) === false) {
    return `${fault.kind} does not take the value "${fault.value}" (${entry.about})`;
  }
  if (fault.nth !== undefined && fault.nth < 1) return "calls are counted from 1";
  if (fault.times !== undefined && fault.times < 1) return "a fault strikes at least once";
  if (fault.probability !== undefined && !(fault.probability >= 0 && fault.probability <= 1)) {
    return "a probability lies between 0 and 1";
  }
  return undefined;
}

function wrong(text: string, message: string, fix: string): Result<Fault, Problem> {
  return err({ kind: "usage", where: `--fault ${text}`, message: `${message}.`, fix });
}

/** Decides, call by call, which faults strike. */
export interface FaultPlan {
  /** Counts a call and names the faults that strike it. */
  next(operation: Operation): readonly Fault[];
}

/** Throws for a fault that cannot be: text forms are checked by `parseFault` before. */
export function planFaults(faults: readonly Fault[], seed: number): FaultPlan {
  for (const fault of faults) {
    const reason = whatIsWrong(fault);
    if (reason !== undefined) throw new RangeError(`fault ${fault.on}:${fault.kind}: ${reason}`);
  }
  const calls = new Map<Operation, number>();
  const struck = new Map<Fault, number>();
  const random = randomFrom("faults", seed);
  return {
    next(operation) {
      const call = (calls.get(operation) ?? 0) + 1;
      calls.set(operation, call);
      return faults.filter((fault) => {
        if (fault.on !== operation) return false;
        const already = struck.get(fault) ?? 0;
        if (already >= limitOf(fault)) return false;
        if (call < (fault.nth ?? 1)) return false;
        if (fault.probability !== undefined && !random.chance(fault.probability)) return false;
        struck.set(fault, already + 1);
        return true;
      });
    },
  };
}

function limitOf(fault: Fault): number {
  if (fault.times !== undefined) return fault.times;
  const lasting = fault.kind === "listing-lag" || (fault.probability !== undefined && fault.nth === undefined);
  return lasting ? Number.POSITIVE_INFINITY : 1;
}
