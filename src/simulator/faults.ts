import { closest } from "fastest-levenshtein";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { randomFrom } from "./random.ts";
import { errorReply, type Reply, SERVER_ERROR } from "./reply.ts";

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

/** What stands in the place of a reply: nothing more is heard of a call that hangs. */
export type Outcome = Reply | "reset" | "hang";

interface FaultRow {
  readonly about: string;
  /** The calls it may strike; any, where it says none. */
  readonly on?: readonly Operation[];
  /** What it takes after `=`, if anything. */
  readonly value?: RegExp;
  /** What the client gets without the server having acted. */
  readonly instead?: (value: string | undefined) => Outcome;
  /** What the client gets although the server has acted. */
  readonly after?: Outcome;
}

/** Faults of one call on the wire: whether the server acts, and what the client sees of it. */
export const WIRE_FAULTS = {
  "reset-before": { about: "the connection is reset before the server acts", instead: () => "reset" },
  "reset-after": { about: "the server acts, then the connection is reset", after: "reset" },
  "timeout-before": { about: "the server never acts and never answers", instead: () => "hang" },
  "timeout-after": { about: "the server acts and never answers", after: "hang" },
  "500-before": { about: "500, nothing done", instead: () => errorReply(500, SERVER_ERROR) },
  "500-after": { about: "500, although it was done", after: errorReply(500, SERVER_ERROR) },
  "503": { about: "503, nothing done", instead: () => errorReply(503, SERVER_ERROR) },
  "429": {
    about: "429 with retry-after, nothing done; =SECONDS (default 1), =quota for insufficient_quota",
    value: /^(?:\d+(?:\.\d+)?|quota)$/,
    instead: rateLimited,
  },
  "401": {
    about: "401 although the key is right, nothing done",
    instead: () =>
      errorReply(401, { message: "Incorrect API key provided: sk-sim**********ated.", code: "invalid_api_key" }),
  },
  "html-200": { about: "200 with an HTML page, nothing done", instead: () => PAGE },
  "truncated-body": { about: "half of the answer, then the connection ends" },
  "slow-body": { about: "the answer in eight pieces; =MILLISECONDS between them (default 20)", value: /^\d+$/ },
  "wrong-content-length": { about: "content-length announces more bytes than come" },
} as const satisfies Record<string, FaultRow>;
export type WireFault = keyof typeof WIRE_FAULTS;

/** Faults of what is said or kept rather than of the connection. Those on `create` stick to the batch it creates. */
const MEANING_FAULTS = {
  "batch-failed": {
    on: ["create"],
    about: "created, then failed at validation; =LINE named in the errors (default 1)",
    value: /^\d+$/,
  },
  "token-limit-exceeded": { on: ["create"], about: "created, then failed with token_limit_exceeded" },
  expired: {
    on: ["create"],
    about: "expires unfinished; =SHARE executed before (default 0.5)",
    value: /^(?:0?\.\d+|0|1)$/,
  },
  "cancelled-partial": {
    on: ["create"],
    about: "cancelled by someone else; =SHARE executed before (default 0.5)",
    value: /^(?:0?\.\d+|0|1)$/,
  },
  "error-lines": {
    on: ["create"],
    about: "error lines; =STATUS/EVERY (default 500/10), STATUS 400, 401, 404, 429 or 500",
    value: /^(?:400|401|404|429|500)(?:\/[1-9]\d*)?$/,
  },
  "only-error-file": {
    on: ["create"],
    about: "completed without an output file; =STATUS of every line (default 400)",
    value: /^(?:400|401|404|429|500)$/,
  },
  "fewer-lines": {
    on: ["create"],
    about: "requests that no line speaks of, counted as failed and not charged; =HOW MANY (default 1)",
    value: /^\d+$/,
  },
  "unknown-custom-ids": {
    on: ["create"],
    about: "the output holds lines that nobody asked for; =HOW MANY (default 1)",
    value: /^\d+$/,
  },
  "file-not-found-after-upload": { on: ["create"], about: "400: the file that was just uploaded cannot be found" },
  "output-file-gone": { on: ["download"], about: "404 on a file's content" },
  "foreign-batch": { on: ["retrieve"], about: "404, as for a batch of another project" },
  "listing-lag": {
    on: ["list", "list-files"],
    about: "what was just created is not listed yet; =MILLISECONDSms or =NUMBERcalls (default 2calls)",
    value: /^\d+(?:ms|calls)$/,
  },
} as const satisfies Record<string, FaultRow>;
export type MeaningFault = keyof typeof MEANING_FAULTS;

export type FaultKind = WireFault | MeaningFault;
const FAULTS: Readonly<Record<FaultKind, FaultRow>> = { ...WIRE_FAULTS, ...MEANING_FAULTS };
const KINDS = Object.keys(FAULTS).filter((kind): kind is FaultKind => Object.hasOwn(FAULTS, kind));

/** Every fault there is, with the calls it may strike and one line about it, for `--help` and the docs. */
export const FAULT_CATALOGUE = KINDS.map((kind) => ({ kind, on: onOf(kind), about: FAULTS[kind].about }));

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
  const kind = KINDS.find((one) => one === groups["kind"]);
  if (kind === undefined) {
    const near = closest(groups["kind"] ?? "", KINDS);
    return wrong(text, `there is no fault "${groups["kind"]}"`, `Did you mean ${near}?`);
  }
  const { value, nth, times, share } = groups;
  const fault: Fault = {
    on,
    kind,
    ...(value === undefined ? {} : { value }),
    ...(nth === undefined ? {} : { nth: Number(nth) }),
    ...(times === undefined ? {} : { times: times === "*" ? Number.POSITIVE_INFINITY : Number(times) }),
    ...(share === undefined ? {} : { probability: Number(share) }),
  };
  const reason = whatIsWrong(fault);
  return reason === undefined ? ok(fault) : wrong(text, reason, "See `dsgen simulate --help` for the faults.");
}

/** Why a fault cannot be, or undefined. */
function whatIsWrong(fault: Fault): string | undefined {
  const { kind, on, value, nth = 1, times = 1, probability = 0 } = fault;
  if (!KINDS.includes(kind)) return `there is no fault "${kind}"`;
  const { value: values, about } = FAULTS[kind];
  if (!onOf(kind).includes(on)) return `${kind} strikes only ${onOf(kind).join(" and ")}, not ${on}`;
  if (value !== undefined && values === undefined) return `${kind} takes no value`;
  if (value !== undefined && values?.test(value) === false)
    return `${kind} does not take the value "${value}" (${about})`;
  if (nth < 1) return "calls are counted from 1";
  if (times < 1) return "a fault strikes at least once";
  return probability >= 0 && probability <= 1 ? undefined : "a probability lies between 0 and 1";
}

function wrong(text: string, message: string, fix: string): Result<Fault, Problem> {
  return err({ kind: "usage", where: `--fault ${text}`, message: `${message}.`, fix });
}

function onOf(kind: FaultKind): readonly Operation[] {
  return FAULTS[kind].on ?? OPERATIONS;
}

/** The fault of a call that is one of its connection, and what the client gets instead of the reply: before or after the server acts. */
export function wireFault(faults: readonly Fault[]) {
  const fault = faults.find(({ kind }) => Object.hasOwn(WIRE_FAULTS, kind));
  const row: Partial<FaultRow> = fault === undefined ? {} : FAULTS[fault.kind];
  return { fault, instead: row.instead?.(fault?.value), after: row.after };
}

const PAGE: Reply = {
  status: 200,
  headers: { "content-type": "text/html" },
  body: { kind: "text", text: "<!DOCTYPE html><html><body>Please sign in to the network.</body></html>" },
};

function rateLimited(seconds = "1"): Reply {
  if (seconds === "quota") {
    const message = "You exceeded your current quota, please check your plan and billing details.";
    return errorReply(429, { message, type: "insufficient_quota", code: "insufficient_quota" });
  }
  const message = `Rate limit reached. Please try again in ${seconds}s.`;
  const error = { message, type: "requests", code: "rate_limit_exceeded" };
  return errorReply(429, error, { "retry-after": seconds });
}

/**
 * Decides, call by call, which faults strike: `next` counts a call and names them. Throws for a fault that cannot be: text
 * forms are checked by `parseFault` before.
 */
export function planFaults(faults: readonly Fault[], seed: number): { next(operation: Operation): readonly Fault[] } {
  for (const fault of faults) {
    const reason = whatIsWrong(fault);
    if (reason !== undefined) throw new RangeError(`fault ${fault.on}:${fault.kind}: ${reason}`);
  }
  const calls = new Map<Operation, number>();
  const hits = new Map<Fault, number>();
  const random = randomFrom("faults", seed);
  return {
    next(operation) {
      const call = (calls.get(operation) ?? 0) + 1;
      calls.set(operation, call);
      return faults.filter((fault) => {
        if (fault.on !== operation) return false;
        const already = hits.get(fault) ?? 0;
        if (already >= limitOf(fault)) return false;
        if (call < (fault.nth ?? 1)) return false;
        if (fault.probability !== undefined && !random.chance(fault.probability)) return false;
        hits.set(fault, already + 1);
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
