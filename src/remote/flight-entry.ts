import { fingerprintOfJson, isFingerprint } from "../graph/digest.ts";
import type { JsonObject } from "../graph/json.ts";

/*
 * `v1/flight/<project>/<number>.json`: what a project's clones tell each other of what they are asking, one after the other.
 * Each line of this log is written by `put if absent` by somebody who has read all lines before it, so that of two who
 * claim the same requests one comes second, and sees the first.
 */

export const FLIGHT = "flight";

/** One line of the log. Request ids are digests: they tell nobody what is asked. */
export type FlightEntry =
  /** These requests are about to be asked. */
  | {
      readonly t: "claim";
      readonly claim: string;
      readonly namespace: string;
      readonly job: string | null;
      /** By the writer's clock, in milliseconds since the epoch: for people. */
      readonly at: number;
      readonly requests: readonly string[];
    }
  /** They were: the provider has this batch. */
  | { readonly t: "sent"; readonly claim: string; readonly batch: string }
  /** Nothing more comes of it; so many of its requests have an answer, which was shared before this was said. */
  | { readonly t: "over"; readonly claim: string; readonly answered: number };

export function flightFolder(project: string): string {
  return `v1/${FLIGHT}/${fingerprintOfJson(project)}`;
}

const DIGITS = 8;

export function flightName(project: string, number: number): string {
  return `${flightFolder(project)}/${String(number).padStart(DIGITS, "0")}.json`;
}

/** The number in a line's name; undefined for any other name. */
export function flightNumber(name: string): number | undefined {
  const digits = /\/(\d{8})\.json$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

const ID_LENGTH = 32;

/** What is signed. The number is in it, and the project: a line is none of another place. */
export function flightBody(project: string, number: number, entry: FlightEntry): JsonObject {
  const { t, ...rest } = entry;
  const packed = "requests" in rest ? { ...rest, requests: rest.requests.join("") } : rest;
  return { project, number, t, ...packed };
}

/** What a line's body says; undefined where it is no such body, or another place's. */
export function flightEntryIn(body: JsonObject, project: string, number: number): FlightEntry | undefined {
  const { t, claim, namespace, job, at, requests, batch, answered } = body;
  if (body["project"] !== project || body["number"] !== number) return undefined;
  if (typeof claim !== "string" || !isFingerprint(claim)) return undefined;
  if (t === "sent") return typeof batch === "string" ? { t, claim, batch } : undefined;
  if (t === "over") return typeof answered === "number" ? { t, claim, answered } : undefined;
  if (t !== "claim" || typeof namespace !== "string" || typeof at !== "number" || typeof requests !== "string")
    return undefined;
  if ((job !== null && typeof job !== "string") || !/^(?:[0-9a-f]{32})+$/.test(requests)) return undefined;
  const ids = Array.from({ length: requests.length / ID_LENGTH }, (_, i) =>
    requests.slice(i * ID_LENGTH, (i + 1) * ID_LENGTH),
  );
  return { t, claim, namespace, job, at, requests: ids };
}
