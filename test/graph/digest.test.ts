import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  digestOf,
  fingerprintOf,
  fingerprintOfJson,
  fingerprintStream,
  isDigest,
  isFingerprint,
} from "../../src/graph/digest.ts";

/** The first half of a fingerprint is XXH64 with seed 0. */
const seedZero = (data: Uint8Array | string) => fingerprintOf(data).slice(0, 16);

describe("fingerprints", () => {
  test.each([
    // From the xxHash specification and its reference implementation, seed 0.
    ["", "ef46db3751d8e999"],
    ["a", "d24ec4f1a98c6e5b"],
    ["abc", "44bc2cf5ad770999"],
    ["as", "1c330fb2d66be179"],
    ["asd", "631c37ce72a97393"],
    ["asdf", "415872f599cea71e"],
    ["Nobody inspects the spammish repetition", "fbcea83c8a378bf1"],
  ])("are XXH64: %j", (text, expected) => {
    expect(seedZero(text)).toBe(expected);
  });

  test("join two hashes of the same bytes that have nothing to do with one another", () => {
    const print = fingerprintOf("");
    expect(print).toMatch(/^[0-9a-f]{32}$/);
    expect(print.slice(16)).not.toBe(print.slice(0, 16));
  });

  test("fed piece by piece are those of the whole", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 20 }), (pieces) => {
        const stream = fingerprintStream();
        for (const piece of pieces) stream.update(piece);
        expect(stream.end()).toBe(fingerprintOf(Buffer.concat(pieces)));
      }),
    );
  });

  test("of a text are those of its UTF-8 bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(fingerprintOf(text)).toBe(fingerprintOf(Buffer.from(text, "utf8")));
      }),
    );
  });

  test("change with any one byte", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (bytes, at, by) => {
          const changed = Uint8Array.from(bytes);
          const index = at % bytes.length;
          changed[index] = (changed[index] ?? 0) ^ by;
          expect(fingerprintOf(changed)).not.toBe(fingerprintOf(bytes));
        },
      ),
    );
  });

  test("of JSON do not see the order of members", () => {
    expect(fingerprintOfJson({ a: 1, b: [{ c: 2, d: 3 }] })).toBe(fingerprintOfJson({ b: [{ d: 3, c: 2 }], a: 1 }));
    expect(fingerprintOfJson([1, 2])).not.toBe(fingerprintOfJson([2, 1]));
  });
});

describe("digests", () => {
  test("are SHA-256", () => {
    expect(digestOf("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(digestOf(new Uint8Array())).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  test("and fingerprints are known by their shape, exactly", () => {
    expect(isDigest(digestOf("abc"))).toBe(true);
    expect(isFingerprint(fingerprintOf("abc"))).toBe(true);
    for (const text of [
      "",
      "abc",
      `${digestOf("")}0`,
      digestOf("").toUpperCase(),
      ` ${digestOf("")}`,
      `${digestOf("")}\n`,
    ])
      expect(isDigest(text)).toBe(false);
    for (const text of [
      "",
      digestOf(""),
      fingerprintOf("").toUpperCase(),
      `${fingerprintOf("")}\n`,
      `\n${fingerprintOf("")}`,
    ])
      expect(isFingerprint(text)).toBe(false);
  });
});
