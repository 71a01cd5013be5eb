import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Journal } from "../../src/engine/ports.ts";
import type { JsonObject } from "../../src/graph/json.ts";
import { decodeLine, encodeLine } from "../../src/store/checked-lines.ts";
import { openJournal } from "../../src/store/journal.ts";
import { storePaths } from "../../src/store/layout.ts";
import { scratch } from "./project.ts";

interface Scene {
  readonly path: string;
  readonly warnings: string[];
  open(): Journal;
}

function scene(): Scene {
  const root = scratch();
  const paths = storePaths(join(root, ".dsgen-cache"), root);
  const warnings: string[] = [];
  mkdirSync(paths.version, { recursive: true });
  return { path: paths.journal, warnings, open: () => openJournal(paths, (message) => warnings.push(message)) };
}

/** Records as batch jobs write them, and as nobody would: odd characters, numbers that look like checksums. */
const record: fc.Arbitrary<JsonObject> = fc.record({
  job: fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 1, maxLength: 40 }),
  text: fc.oneof(fc.string({ unit: "binary", maxLength: 30 }), fc.constant(`\n ${"0".repeat(32)} {"a":1}`)),
  count: fc.integer(),
  nested: fc.array(fc.oneof(fc.boolean(), fc.constant(null), fc.string()), { maxLength: 3 }),
});

const records = fc.array(record, { minLength: 1, maxLength: 6 });

/** What a value is after a round trip through JSON. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

test("what was appended is read back, in order, by this process and the next", () => {
  const { open, path, warnings } = scene();
  const journal = open();
  expect(journal.records()).toEqual([]);
  journal.append({ job: "a", state: "intended" });
  const before = journal.records();
  journal.append({ job: "a", state: "uploaded" });
  expect(before).toHaveLength(1);
  expect(journal.records().map((one) => one["state"])).toEqual(["intended", "uploaded"]);
  expect(open().records()).toEqual(journal.records());
  expect(readFileSync(path, "utf8").split("\n")[0]).toMatch(/^[0-9a-f]{32} \{"job":"a","state":"intended"\}$/);
  expect(warnings).toEqual([]);
});

test("reading makes no file", () => {
  const root = scratch();
  openJournal(storePaths(join(root, ".dsgen-cache"), root), () => undefined).records();
  expect(readdirSync(root)).toEqual([]);
});

test("one line holds exactly one record", () => {
  fc.assert(
    fc.property(record, (value) => {
      const line = encodeLine(value);
      expect(line.indexOf("\n")).toBe(line.length - 1);
      expect(decodeLine(Buffer.from(line.slice(0, -1)))).toEqual(plain(value));
    }),
  );
});

test("any truncation keeps every record whose line is whole, and an append after it loses none", () => {
  const { open, path, warnings } = scene();
  fc.assert(
    fc.property(records, record, fc.nat(), (values, next, cut) => {
      const lines = values.map((value) => Buffer.from(encodeLine(value)));
      const whole = Buffer.concat(lines);
      const at = cut % (whole.length + 1);
      writeFileSync(path, whole.subarray(0, at));
      let end = 0;
      const kept = values.filter((_value, index) => {
        end += lines[index]?.length ?? 0;
        return end <= at;
      });
      warnings.length = 0;
      expect(open().records()).toEqual(plain(kept));
      // A torn end is what a crash leaves; it is nothing to warn about.
      expect(warnings).toEqual([]);
      open().append(next);
      expect(open().records()).toEqual(plain([...kept, next]));
    }),
    { numRuns: 150 },
  );
}, 60_000);

test("any single damaged byte costs at most the record it lies in, newlines included", () => {
  const { open, path, warnings } = scene();
  fc.assert(
    fc.property(records, record, fc.nat(), fc.integer({ min: 1, max: 255 }), (values, next, where, flip) => {
      const lines = values.map((value) => Buffer.from(encodeLine(value)));
      const bytes = Buffer.concat(lines);
      const at = where % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ flip;
      writeFileSync(path, bytes);
      let start = 0;
      let hit = -1;
      for (const [index, line] of lines.entries()) {
        if (at >= start && at < start + line.length) hit = index;
        start += line.length;
      }
      const others = values.filter((_value, index) => index !== hit);
      const found = JSON.stringify(open().records());
      // A damaged newline between two records costs neither.
      expect([JSON.stringify(others), JSON.stringify(values)]).toContain(found);
      open().append(next);
      const after = open().records();
      expect(after.at(-1)).toEqual(plain(next));
      for (const other of others) expect(after).toContainEqual(plain(other));
      warnings.length = 0;
    }),
    { numRuns: 300 },
  );
}, 60_000);

test("a damaged newline in the middle costs no record", () => {
  const { open, path } = scene();
  const values = [{ job: "a" }, { job: "b" }, { job: "c" }];
  const lines = values.map(encodeLine);
  writeFileSync(path, `${lines[0]?.trimEnd()}x${lines[1]}${lines[2]}`);
  expect(open().records()).toEqual(values);
});

test("a bad line is skipped and named by its number", () => {
  const { open, path, warnings } = scene();
  const good = ["a", "b", "c"].map((job) => encodeLine({ job }));
  writeFileSync(path, `${good[0]}garbage\n${good[1]}${good[2]?.replace('"c"', '"d"')}`);
  expect(open().records()).toEqual([{ job: "a" }, { job: "b" }]);
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toContain("journal.jsonl:2: ");
  expect(warnings[1]).toContain("journal.jsonl:4: ");
});

test("a torn end is cut before the next record, and kept aside", () => {
  const { open, path } = scene();
  open().append({ job: "a" });
  const torn = encodeLine({ job: "b" }).slice(0, 20);
  appendFileSync(path, torn);
  open().append({ job: "c" });
  expect(readFileSync(path, "utf8")).toBe(encodeLine({ job: "a" }) + encodeLine({ job: "c" }));
  const quarantine = join(path, "..", "quarantine");
  const [saved] = readdirSync(quarantine);
  expect(readFileSync(join(quarantine, saved ?? ""), "utf8")).toBe(torn);
});

test("a torn end longer than a block is found", () => {
  const { open, path } = scene();
  open().append({ job: "a" });
  appendFileSync(path, "x".repeat(200_000));
  open().append({ job: "b" });
  expect(open().records()).toEqual([{ job: "a" }, { job: "b" }]);
});

test("lines longer than the reader's chunk are whole", () => {
  const { open } = scene();
  const long = { text: "ä".repeat(1_500_000) };
  open().append({ job: "a" });
  open().append(long);
  open().append({ job: "b" });
  expect(open().records()).toEqual([{ job: "a" }, long, { job: "b" }]);
});
