import { appendFileSync, closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { digestOf } from "../graph/digest.ts";
import { canonicalJson, isJsonObject, type JsonObject } from "../graph/json.ts";

/*
 * The simulator's account book: what was uploaded, created, executed and charged, one JSON line each, appended only. The
 * tests read "no answer is paid for twice" from it.
 */

/** One request that was executed and charged. */
interface Charge {
  /** SHA-256 of the canonical body and the custom_id. */
  readonly requestKey: string;
  /** SHA-256 of the canonical body alone: also tells a batch line from the same request sent in real time. */
  readonly bodyKey: string;
  /** Empty for real-time calls. */
  readonly customId: string;
  readonly batchId: string | null;
  readonly tokens: { readonly input: number; readonly output: number };
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

export interface Ledger {
  readonly charges: readonly Charge[];
  readonly uploads: readonly UploadEntry[];
  readonly creates: readonly CreateEntry[];
}

export type LedgerEvent =
  | ({ readonly event: "charge" } & Charge)
  | ({ readonly event: "upload" } & UploadEntry)
  | ({ readonly event: "create" } & CreateEntry);

const NAME = "ledger.jsonl";

/** Reads the account book of a simulator's state folder, also while one runs; torn and repeated lines count once or not. */
export function readLedger(stateDir: string): Ledger {
  const path = join(stateDir, NAME);
  const charges: Charge[] = [];
  const uploads: UploadEntry[] = [];
  const creates: CreateEntry[] = [];
  // A process killed between the ledger and the batch record writes the same charges again: one per batch and line.
  const seen = new Set<string>();
  for (const line of existsSync(path) ? linesOf(path) : []) {
    const event = parseLine(line);
    if (event === undefined) continue;
    switch (event.event) {
      case "charge": {
        const key = `${event.batchId} ${event.customId}`;
        if (event.batchId !== null && seen.has(key)) break;
        seen.add(key);
        charges.push(event);
        break;
      }
      case "upload":
        uploads.push(event);
        break;
      case "create":
        creates.push(event);
        break;
    }
  }
  return { charges, uploads, creates };
}

/** The lines of a book that may have outgrown what one string can hold. */
function* linesOf(path: string): Generator<string> {
  const file = openSync(path, "r");
  try {
    const decoder = new StringDecoder("utf8");
    const chunk = Buffer.alloc(1 << 20);
    let rest = "";
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
      const lines = (rest + decoder.write(chunk.subarray(0, read))).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
    yield rest;
  } finally {
    closeSync(file);
  }
}

/** How often each custom_id was executed and charged. */
export function chargesByCustomId(ledger: Ledger): ReadonlyMap<string, number> {
  return counted(ledger.charges.map((charge) => charge.customId));
}

/**
 * In how many accepted batches each custom_id was sent. Charges are written when a batch is looked at; this counts a
 * batch bought twice also when one of the two is lost for good.
 */
export function sendsByCustomId(ledger: Ledger): ReadonlyMap<string, number> {
  return counted(ledger.creates.flatMap((create) => create.customIds));
}

/** How many batches were created for each value of one metadata key (a job id). */
export function createsByMetadata(ledger: Ledger, key: string): ReadonlyMap<string, number> {
  return counted(ledger.creates.map((create) => create.metadata[key] ?? ""));
}

/** How many files were uploaded under each name. */
export function uploadsByFilename(ledger: Ledger): ReadonlyMap<string, number> {
  return counted(ledger.uploads.map((upload) => upload.filename));
}

/** The two keys under which a charge is found again. */
export function requestKeys(
  body: JsonObject,
  customId: string,
): { readonly requestKey: string; readonly bodyKey: string } {
  const canonical = canonicalJson(body);
  return { requestKey: digestOf(`${canonical}\n${customId}`), bodyKey: digestOf(canonical) };
}

/** Appends events in one write, after closing a line that a killed process left torn. */
export function appendToLedger(stateDir: string, events: readonly LedgerEvent[]): void {
  if (events.length === 0) return;
  const path = join(stateDir, NAME);
  const text = events.map((event) => `${JSON.stringify(event)}\n`).join("");
  appendFileSync(path, endsTorn(path) ? `\n${text}` : text);
}

function endsTorn(path: string): boolean {
  if (!existsSync(path)) return false;
  const { size } = statSync(path);
  if (size === 0) return false;
  const file = openSync(path, "r");
  try {
    const last = Buffer.alloc(1);
    readSync(file, last, 0, 1, size - 1);
    return last[0] !== 0x0a;
  } finally {
    closeSync(file);
  }
}

function parseLine(line: string): LedgerEvent | undefined {
  if (line === "") return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isLedgerEvent(value) ? value : undefined;
  } catch {
    return undefined; // torn by a kill
  }
}

/** Whole lines were written by `appendToLedger`, so their kind tells their form. */
function isLedgerEvent(value: unknown): value is LedgerEvent {
  return isJsonObject(value) && ["charge", "upload", "create"].some((event) => event === value["event"]);
}

function counted(keys: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}
