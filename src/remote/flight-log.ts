import { setTimeout } from "node:timers/promises";
import { err, ok, type Result } from "../graph/result.ts";
import { atOnce } from "./checked.ts";
import {
  FLIGHT,
  type FlightEntry,
  flightBody,
  flightEntryIn,
  flightFolder,
  flightName,
  flightNumber,
} from "./flight-entry.ts";
import { openRecord, sealRecord } from "./record.ts";
import type { Remote, RemoteFailure, Reply } from "./remote.ts";
import type { Writer } from "./writer.ts";

/** What somebody is asking, or has asked, as the log says. */
export interface Claim {
  readonly number: number;
  /** The public key of who claims it. */
  readonly by: string;
  readonly claim: string;
  readonly namespace: string;
  readonly job: string | null;
  readonly at: number;
  readonly requests: ReadonlySet<string>;
  /** The provider's batch, once it is known. */
  readonly batch: string | null;
  /** How many answers were shared when it was over; null while it is not. */
  readonly answered: number | null;
}

interface Place {
  readonly remote: Remote;
  readonly project: string;
  readonly trust: readonly string[];
  /** Lines before this one are of nothing that is still open. */
  readonly from: number;
}

/** A line may be taken by others this often in a row before an append gives up. */
const MOST_TAKEN = 1000;
const LOOK_AGAIN_MS = 200;

/** One project's log in one shared cache, as far as it has been read. */
export class FlightLog {
  readonly #place: Place;
  readonly #claims = new Map<string, Claim>();
  /** The first line that was not there yet. */
  #next: number;
  #listed = false;

  constructor(place: Place) {
    this.#place = place;
    this.#next = place.from;
  }

  get label(): string {
    return this.#place.remote.label;
  }

  claims(): readonly Claim[] {
    return [...this.#claims.values()];
  }

  claim(name: string): Claim | undefined {
    return this.#claims.get(name);
  }

  /** The number of the next line: all before it were read. */
  get next(): number {
    return this.#next;
  }

  /** Reads what is new, to the end. True when there was anything. */
  async read(signal: AbortSignal): Reply<boolean> {
    const before = this.#next;
    const ahead = await this.#ahead(signal);
    if (!ahead.ok) return ahead;
    for (;;) {
      const known = ahead.value.get(this.#next);
      const got = known === undefined ? await this.#get(this.#next, signal) : ok(known);
      if (!got.ok) return got;
      if (got.value === undefined) return ok(this.#next > before);
      this.#apply(got.value);
    }
  }

  /**
   * Writes a line at the end. For a claim, each line of others that came meanwhile is shown to `refuses` first; the claim
   * that it refuses is answered, and nothing is written.
   */
  async append(
    entry: FlightEntry,
    writer: Writer,
    signal: AbortSignal,
    refuses: (claim: Claim) => boolean = () => false,
  ): Promise<Result<Claim | undefined, RemoteFailure>> {
    const { remote, project } = this.#place;
    for (let taken = 0; taken < MOST_TAKEN; taken++) {
      const number = this.#next;
      const line = sealRecord(FLIGHT, flightBody(project, number, entry), writer);
      const put = await remote.putIfAbsent(flightName(project, number), line, signal);
      if (!put.ok) return put;
      // Read back in any case: a put whose answer was lost finds its own line there, and where a second put is not refused
      // the last one stays.
      const got = await this.#getUntilThere(number, signal);
      if (!got.ok) return got;
      const said = this.#apply(got.value);
      if (Buffer.compare(got.value, line) === 0) return ok(undefined);
      if (said !== undefined && refuses(said)) return ok(said);
    }
    return err({ kind: "busy", message: `${MOST_TAKEN} lines in a row were written by others` });
  }

  #get(number: number, signal: AbortSignal): Reply<Uint8Array | undefined> {
    return this.#place.remote.get(flightName(this.#place.project, number), signal);
  }

  /** A line that must be there. A network file system may show it late. */
  async #getUntilThere(number: number, signal: AbortSignal): Reply<Uint8Array> {
    for (;;) {
      const got = await this.#get(number, signal);
      if (!got.ok) return got;
      if (got.value !== undefined) return ok(got.value);
      if (signal.aborted)
        return err({ kind: "slow", message: `${flightName(this.#place.project, number)} was put, and is not seen` });
      await setTimeout(LOOK_AGAIN_MS);
    }
  }

  /** Lines that a listing names, a few at a time; one that it does not name yet is asked for by its own name. */
  async #ahead(signal: AbortSignal): Reply<ReadonlyMap<number, Uint8Array>> {
    const lines = new Map<number, Uint8Array>();
    if (this.#listed) return ok(lines);
    const { remote, project } = this.#place;
    const listed = await remote.list(flightFolder(project), signal);
    // A cache that lists nothing is read line by line.
    if (!listed.ok) return listed.error.kind === "unable" ? ok(lines) : listed;
    const numbers = listed.value.flatMap((name) => flightNumber(name) ?? []).filter((number) => number >= this.#next);
    const failure = await atOnce(numbers, signal, async (number) => {
      const got = await this.#get(number, signal);
      if (got.ok && got.value !== undefined) lines.set(number, got.value);
      return got;
    });
    if (failure !== undefined) return err(failure);
    this.#listed = true;
    return ok(lines);
  }

  /** Takes a line in; the claim it is of. What no trusted writer signed for this place says nothing, and takes its number. */
  #apply(line: Uint8Array): Claim | undefined {
    const { trust, project } = this.#place;
    const number = this.#next++;
    const opened = openRecord(line, FLIGHT, trust);
    const entry = opened.ok ? flightEntryIn(opened.value.body, project, number) : undefined;
    if (!opened.ok || entry === undefined) return undefined;
    const claim = this.#after(entry, opened.value.by, number);
    if (claim !== undefined) this.#claims.set(claim.claim, claim);
    return claim;
  }

  #after(entry: FlightEntry, by: string, number: number): Claim | undefined {
    const before = this.#claims.get(entry.claim);
    if (entry.t === "claim") {
      const { t: _, requests, ...rest } = entry;
      return before ?? { number, by, ...rest, requests: new Set(requests), batch: null, answered: null };
    }
    // Nobody speaks for another.
    if (before === undefined || before.by !== by) return before?.by === by ? before : undefined;
    return entry.t === "sent" ? { ...before, batch: entry.batch } : { ...before, answered: entry.answered };
  }
}
