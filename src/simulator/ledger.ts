import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { fileLines } from "../engine/file-lines.ts";
import { digestOf } from "../graph/digest.ts";
import { canonicalJson, type JsonObject, jsonObjectIn } from "../graph/json.ts";
import type { Tokens } from "./question.ts";

/**
 * The simulator's account book: what was uploaded, created, executed and charged, one JSON line each, appended only. The
 * tests read "no answer is paid for twice" from it.
 */
export interface Ledger {
  /** Each request that was executed and charged. */
  readonly charges: readonly Charge[];
  readonly uploads: readonly UploadEntry[];
  readonly creates: readonly CreateEntry[];
}

interface Charge {
  /** SHA-256 of the canonical body and the custom_id. */
  readonly requestKey: string;
  /** SHA-256 of the canonical body alone: also tells a batch line from the same request sent in real time. */
  readonly bodyKey: string;
  /** Empty for real-time calls. */
  readonly customId: string;
  readonly batchId: string | null;
  readonly tokens: Tokens;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

interface UploadEntry {
  readonly fileId: string;
  readonly filename: string;
  readonly at: number;
}

interface CreateEntry {
  readonly batchId: string;
  readonly fileId: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly requests: number;
  /** False when it will fail validation: nothing of it is ever executed. */
  readonly accepted: boolean;
  /** What it asks for (empty when not accepted): a batch that nobody looks at again is charged all the same. */
  readonly customIds: readonly string[];
  readonly at: number;
}

export type LedgerEvent =
  | ({ readonly event: "charge" } & Charge)
  | ({ readonly event: "upload" } & UploadEntry)
  | ({ readonly event: "create" } & CreateEntry);

/** The two keys under which a charge is found again. */
export function requestKeys(body: JsonObject, customId: string): Pick<Charge, "requestKey" | "bodyKey"> {
  const canonical = canonicalJson(body);
  return { requestKey: digestOf(`${canonical}\n${customId}`), bodyKey: digestOf(canonical) };
}

/** Reads the account book of a simulator's state folder, also while one runs; torn and repeated lines count once or not. */
export function readLedger(stateDir: string): Ledger {
  const path = ledgerPath(stateDir);
  const ledger = { charges: [] as Charge[], uploads: [] as UploadEntry[], creates: [] as CreateEntry[] };
  // A process killed between the ledger and the batch record writes the same charges again: one per batch and line.
  const seen = new Set<string>();
  for (const { raw } of existsSync(path) ? fileLines(path) : []) {
    const event = ledgerEvent(raw ?? "");
    if (event?.event === "upload") ledger.uploads.push(event);
    else if (event?.event === "create") ledger.creates.push(event);
    else if (event?.event === "charge") {
      const key = `${event.batchId} ${event.customId}`;
      if (event.batchId !== null && seen.has(key)) continue;
      seen.add(key);
      ledger.charges.push(event);
    }
  }
  return ledger;
}

/** Appends events in one write, on a new line: a killed process may have left the last one torn. */
export function appendToLedger(stateDir: string, events: readonly LedgerEvent[]): void {
  if (events.length === 0) return;
  const lines = events.map((event) => `\n${JSON.stringify(event)}`);
  appendFileSync(ledgerPath(stateDir), `${lines.join("")}\n`);
}

function ledgerPath(stateDir: string): string {
  return join(stateDir, "ledger.jsonl");
}

/** Whole lines were written by `appendToLedger`, so that their kind tells their form; a line torn by a kill is none. */
function ledgerEvent(line: string): LedgerEvent | undefined {
  return jsonObjectIn(line) as (JsonObject & LedgerEvent) | undefined;
}
