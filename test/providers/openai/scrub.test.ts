import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scrubberOf } from "../../../src/providers/openai/scrub.ts";

const KEY = "sk-proj-abcdEFGH1234567890ijklMNOP";
const bytes = (text: string) => Buffer.from(text);

/** A body that comes in the pieces that these lengths cut. */
function masked(
  apiKey: string,
  body: string,
  cuts: readonly number[] = [body.length],
): { text: string; found: number } {
  const mask = scrubberOf(apiKey).body();
  const out: Uint8Array[] = [];
  let at = 0;
  for (const cut of [...cuts, body.length]) {
    out.push(mask.push(bytes(body).subarray(at, at + cut)));
    at += cut;
  }
  out.push(mask.push(bytes(body).subarray(at)), mask.end());
  return { text: Buffer.concat(out).toString(), found: mask.found };
}

describe("a message", () => {
  it("loses what OpenAI echoes of a key", () => {
    const said = `Incorrect API key provided: sk-proj-****************MNOP. Header was Bearer ${KEY}`;
    const message = scrubberOf(KEY).message(said);
    expect(message).not.toMatch(/sk-proj|MNOP|abcd/);
    expect(message).toContain("Incorrect API key provided");
  });

  it("is left alone when it is an ordinary one", () => {
    const text = "No such File object: file-abc123. Rate limit reached for gpt-4o-mini on tokens per min. **Note** it.";
    expect(scrubberOf("sk-proj-abcdEFGH1234567890").message(text)).toBe(text);
  });

  it("holds no stretch of the key of eight characters or more, wherever it stands", () => {
    const keys = fc.string({ unit: fc.constantFrom(..."abcdefXYZ0123-_"), minLength: 8, maxLength: 60 });
    fc.assert(
      fc.property(keys, fc.string(), fc.string(), fc.nat(), (key, before, after, cut) => {
        const piece = key.slice(cut % (key.length - 7));
        const message = scrubberOf(key).message(`${before}${piece}${after}`);
        for (let at = 0; at + 8 <= key.length; at++) expect(message).not.toContain(key.slice(at, at + 8));
      }),
    );
  });

  it("of a megabyte that is built to hurt is read once", () => {
    for (const unit of ["a", "a-", "*", "**a", "Bearer ", "key provided: ", "sk-", KEY.slice(0, 7), "\\", "\\u00"]) {
      expect(scrubberOf(KEY).message(unit.repeat(1_000_000 / unit.length))).not.toContain("sk-proj-");
    }
  });
});

describe("a body", () => {
  it("keeps its length and everything but the key, however it is cut", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "1", "\\", '"', "é", KEY, KEY.slice(0, 11), "sk-proj-") });
    fc.assert(
      fc.property(text, fc.array(fc.nat(9)), (body, cuts) => {
        const whole = masked(KEY, body);
        expect(masked(KEY, body, cuts)).toEqual(whole);
        expect(bytes(whole.text).length).toBe(bytes(body).length);
        expect(whole.text).not.toContain(KEY.slice(1, 13));
        if (!body.includes(KEY)) expect(whole).toEqual({ text: body, found: 0 });
      }),
    );
  });

  it.each([
    ["as it is", `"Bearer ${KEY}"`],
    ["escaped by JSON", JSON.stringify({ message: KEY }).replaceAll("p", "\\u0070").replaceAll("1", "\\u0031")],
    ["escaped by JSON to the last character", `"${[...KEY].map((c) => `\\u00${bytes(c).toString("hex")}`).join("")}"`],
    ["after a line break of JSON", `"one\\n${KEY}"`],
    ["in base64", `"Basic ${bytes(KEY).toString("base64")}"`],
    ["by its second half", `"…${KEY.slice(16)}"`],
  ])("loses a key that stands in it %s, and stays JSON", (_, body) => {
    const { text, found } = masked(KEY, body);
    expect(found).toBe(1);
    expect(JSON.stringify(JSON.parse(text))).not.toMatch(/1234567890|MTIzNDU2/);
  });

  it("counts the places", () => {
    expect(masked(KEY, `${KEY}, ${KEY} and ${KEY}`, [3, 40, 5]).found).toBe(3);
  });

  it("keeps what only looks like a piece of a key: numbers, and what every key begins with", () => {
    const hex = "0123456789012345abcdef0123456789";
    expect(masked(hex, "[0.012345678901234,1e-0123456789]").found).toBe(0);
    expect(masked("sk-svcacct-abcdEFGH1234567890ijkl", "a key begins with sk-svcacct-, sk-proj-").found).toBe(0);
  });

  it.each(["EMPTY", "none", "null", "sk-1234"])("is left alone by the key %s, which is none", (key) => {
    expect(masked(key, `{"content":${key},"text":"${key}"}`).found).toBe(0);
  });

  it("loses a word that somebody chose as a key only as a whole", () => {
    const key = "correct-horse-battery-staple";
    expect(masked(key, `my key is ${key}!`, [12, 7])).toEqual({ text: `my key is ${"*".repeat(28)}!`, found: 1 });
    expect(masked(key, "correct-horse-battery is another").found).toBe(0);
  });
});
