import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fingerprintOf } from "../../src/graph/digest.ts";
import { type FlightEntry, flightName } from "../../src/remote/flight-entry.ts";
import { type Claim, FlightLog } from "../../src/remote/flight-log.ts";
import type { Remote } from "../../src/remote/remote.ts";
import { newWriterKey, type Writer, writerOf } from "../../src/remote/writer.ts";

/* What clones tell each other: whoever reads it, and in whatever order calls are answered, no request has two first ones. */

const PROJECT = "together";
const signal = new AbortController().signal;
const NAMESPACE = "openai:api.openai.com:-:-";
const idOf = (n: number) => fingerprintOf(`request ${n}`);

function writerNew(): Writer {
  const made = writerOf(newWriterKey());
  if (made === undefined) throw new Error("no key");
  return made;
}

/** A cache in memory. Before each call it waits for its turn, which `next` gives to one of those that wait. */
function inMemory(next?: (waiting: number) => number) {
  const files = new Map<string, Uint8Array>();
  const waiting: (() => void)[] = [];
  const turn = (): Promise<void> => {
    if (next === undefined) return Promise.resolve();
    const ours = new Promise<void>((resolve) => waiting.push(resolve));
    setImmediate(() => waiting.splice(next(waiting.length), 1)[0]?.());
    return ours;
  };
  const remote: Remote = {
    label: "memory",
    has: async (name) => turn().then(() => ({ ok: true, value: files.has(name) })),
    get: async (name) => turn().then(() => ({ ok: true, value: files.get(name) })),
    async putIfAbsent(name, bytes) {
      await turn();
      if (files.has(name)) return { ok: true, value: "there" };
      files.set(name, Uint8Array.from(bytes));
      return { ok: true, value: "put" };
    },
    list: async (folder) =>
      turn().then(() => ({ ok: true, value: [...files.keys()].filter((name) => name.startsWith(`${folder}/`)) })),
    entries: async () => ({ ok: true, value: [] }),
    remove: async () => ({ ok: true, value: false }),
    excludes: async () => ({ ok: true, value: true }),
  };
  return { remote, files };
}

const claimOf = (name: string, requests: readonly number[], job: string | null = "job"): FlightEntry => ({
  t: "claim",
  claim: fingerprintOf(name),
  namespace: NAMESPACE,
  job,
  at: 1,
  requests: requests.map(idOf),
});

const overlaps = (requests: readonly number[]) => (claim: Claim) =>
  claim.answered === null && requests.some((n) => claim.requests.has(idOf(n)));

async function claimed(log: FlightLog, writer: Writer, name: string, requests: readonly number[]): Promise<boolean> {
  const read = await log.read(signal);
  if (!read.ok) throw new Error(read.error.message);
  const refuses = overlaps(requests);
  if (log.claims().some(refuses)) return false;
  const appended = await log.append(claimOf(name, requests), writer, signal, refuses);
  if (!appended.ok) throw new Error(appended.error.message);
  return appended.value === undefined;
}

describe("the log of what is asked", () => {
  it("gives no request to two, whatever is answered when", async () => {
    const writers = [writerNew(), writerNew(), writerNew()];
    const trust = writers.map(({ word }) => word);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(), { minLength: 1, maxLength: 40 }),
        fc.array(fc.uniqueArray(fc.nat({ max: 5 }), { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 6 }),
        async (order, asks) => {
          let at = 0;
          const { remote } = inMemory((waiting) => (order[at++ % order.length] ?? 0) % Math.max(1, waiting));
          const granted = await Promise.all(
            asks.map((requests, i) => {
              const writer = writers[i % writers.length];
              const log = new FlightLog({ remote, project: PROJECT, trust, from: 1 });
              if (writer === undefined) throw new Error("no writer");
              return claimed(log, writer, `claim ${i}`, requests);
            }),
          );
          const given = asks.flatMap((requests, i) => (granted[i] === true ? requests : []));
          expect(new Set(given).size).toBe(given.length);
          // And somebody comes first: nobody waits for nobody.
          expect(given.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("tells a put whose answer was lost from one of another", async () => {
    const writer = writerNew();
    const { remote, files } = inMemory();
    let lost = 0;
    const losing: Remote = {
      ...remote,
      async putIfAbsent(name, bytes, stop) {
        const put = await remote.putIfAbsent(name, bytes, stop);
        // As `patient` sees it: the second try finds the first.
        return lost++ === 0 ? remote.putIfAbsent(name, bytes, stop) : put;
      },
    };
    const log = new FlightLog({ remote: losing, project: PROJECT, trust: [writer.word], from: 1 });
    expect(await claimed(log, writer, "a", [1])).toBe(true);
    expect(files.size).toBe(1);
  });

  it("believes nobody who is not trusted, nor one who speaks for another, nor a line in another place", async () => {
    const [ours, theirs, stranger] = [writerNew(), writerNew(), writerNew()];
    const { remote, files } = inMemory();
    const open = (trust = [ours.word, theirs.word]) => new FlightLog({ remote, project: PROJECT, trust, from: 1 });
    const all = [ours.word, theirs.word, stranger.word];
    // The stranger takes the first line, then says that another's claim is over.
    expect(await claimed(open(all), stranger, "s", [1])).toBe(true);
    expect(await claimed(open(), ours, "o", [1])).toBe(true);
    for (const writer of [stranger, theirs]) {
      const log = open(all);
      await log.read(signal);
      await log.append({ t: "over", claim: fingerprintOf("o"), answered: 0 }, writer, signal);
    }
    // A line of before, under another number; and one of another project.
    const first = files.get(flightName(PROJECT, 2)) ?? Buffer.from("");
    files.set(flightName(PROJECT, 5), first);
    const elsewhere = new FlightLog({ remote, project: "other", trust: all, from: 1 });
    await elsewhere.append(claimOf("e", [9]), ours, signal);
    files.set(flightName(PROJECT, 6), files.get(flightName("other", 1)) ?? Buffer.from(""));
    files.set(flightName(PROJECT, 7), Buffer.from("{"));
    const log = open();
    await log.read(signal);
    expect(log.claims().map(({ claim, by, answered }) => ({ claim, by, answered }))).toEqual([
      { claim: fingerprintOf("o"), by: ours.word, answered: null },
    ]);
    expect(log.next).toBe(8);
  });

  it("is read on from where nothing was open", async () => {
    const writer = writerNew();
    const { remote } = inMemory();
    const place = { remote, project: PROJECT, trust: [writer.word] };
    const log = new FlightLog({ ...place, from: 1 });
    await claimed(log, writer, "a", [1]);
    await log.append({ t: "sent", claim: fingerprintOf("a"), batch: "batch_1" }, writer, signal);
    await log.append({ t: "over", claim: fingerprintOf("a"), answered: 1 }, writer, signal);
    await claimed(log, writer, "b", [2]);
    expect(log.claims().map(({ batch, answered }) => [batch, answered])).toEqual([
      ["batch_1", 1],
      [null, null],
    ]);
    const later = new FlightLog({ ...place, from: 4 });
    await later.read(signal);
    expect(later.claims().map(({ claim }) => claim)).toEqual([fingerprintOf("b")]);
  });
});
