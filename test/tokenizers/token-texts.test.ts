import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadEncoder } from "../../src/tokenizers/encoder.ts";
import { tokenBytes, tokenReader, tokenTexts } from "../../src/tokenizers/token-texts.ts";
import { hostileText, isEncoded } from "./hostile-texts.ts";
import { installedFolder } from "./tiny-tokenizer.ts";

const TOKENIZERS = ["qwen1_5", "llama3_2", "llama2"] as const;

async function encoderOf(name: (typeof TOKENIZERS)[number]) {
  const loaded = await loadEncoder({ name, folder: installedFolder(name), hash: name });
  if (!loaded.ok) throw new Error(loaded.error.message);
  return loaded.value;
}

describe.each(TOKENIZERS)("%s", (name) => {
  it("its tokens are the text again, byte by byte, whatever the text; only blanks may stand for each other", async () => {
    const encoder = await encoderOf(name);
    const bytesOf = tokenBytes(encoder);
    if (bytesOf === undefined) throw new Error("it is not run by tables");
    const same = (text: string) => text.normalize("NFC").replace(/[ ▁]/g, "");
    fc.assert(
      fc.property(hostileText.filter(isEncoded), (text) => {
        const bytes = Buffer.concat(encoder.encode(text).map((id) => bytesOf(id)));
        expect(same(bytes.toString("utf8"))).toBe(same(text));
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  it("they read as people write them, and halves of characters as bytes", async () => {
    const encoder = await encoderOf(name);
    const textOf = tokenTexts(encoder);
    const texts = encoder.encode("Make a cake 🂡").map((id) => textOf?.(id) ?? "");
    expect(texts.join("").trimStart()).toMatch(/^Make a cake/);
    expect(texts.some((text) => /^ ?<[0-9a-f]{2}( [0-9a-f]{2})*>$/.test(text))).toBe(true);
  });

  it("where a token is said to begin, its bytes are the text's; where nothing is said, the text was changed", async () => {
    const encoder = await encoderOf(name);
    const [read, bytesOf] = [tokenReader(encoder), tokenBytes(encoder)];
    let known = 0;
    fc.assert(
      fc.property(hostileText.filter(isEncoded), (text) => {
        const bytes = Buffer.from(text);
        const tokens = read(text);
        expect(tokens.map(({ id }) => id)).toEqual(encoder.encode(text));
        if (tokens.some(({ start }) => start === null)) {
          const joined = Buffer.concat(tokens.map(({ id }) => bytesOf?.(id) ?? Buffer.alloc(0))).toString();
          expect([text, ` ${text}`]).not.toContain(joined);
          return;
        }
        known++;
        for (const [at, { start }] of tokens.entries()) {
          const end = tokens[at + 1]?.start ?? bytes.length;
          const own = bytesOf?.(tokens[at]?.id ?? 0) ?? Buffer.alloc(0);
          const said = bytes.subarray(start ?? 0, end).toString("hex");
          expect([said, at === 0 ? `20${said}` : said]).toContain(Buffer.from(own).toString("hex"));
        }
      }),
      { numRuns: 300, seed: 1 },
    );
    expect(known).toBeGreaterThan(100);
  });
});
