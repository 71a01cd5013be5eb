import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/graph/digest.ts";
import { receiveForm } from "../../src/simulator/multipart.ts";
import { temporaryFolder } from "./support.ts";

async function* inPieces(body: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size);
}

const receive = (body: Buffer, size: number, boundary: string, keepAt: string) =>
  receiveForm(
    inPieces(body, size),
    { "content-type": `multipart/form-data; boundary=${boundary}` },
    { files: 1, keepAt },
  );

function form(boundary: string, content: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n`),
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a%22b.jsonl"\r\nContent-Type: x/y\r\n\r\n`,
    ),
    content,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
}

describe("multipart forms", () => {
  it("give back any content, cut into pieces of any size", async () => {
    const path = join(temporaryFolder(), "file");
    // Full of what looks like a boundary.
    const part = fc.oneof(fc.constantFrom("\r\n", "--", "\r\n--", "\r\n--bound", "bound", "\n", "ä"), fc.string());
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 12 }), fc.integer({ min: 1, max: 40 }), async (parts, size) => {
        const content = Buffer.from(parts.join(""));
        fc.pre(!content.includes("\r\n--boundary"));
        const received = await receive(form("boundary", content), size, "boundary", path);
        expect(received).toMatchObject({
          ok: true,
          value: {
            files: [{ field: "file", filename: 'a"b.jsonl', bytes: content.length, digest: digestOf(content) }],
          },
        });
        expect(received.ok && received.value.fields.get("purpose")).toBe("batch");
        expect(readFileSync(path).equals(content)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("are refused when they end early, at any byte", async () => {
    const path = join(temporaryFolder(), "file");
    const whole = form("b", Buffer.from("content"));
    for (let length = 0; length < whole.length - 4; length += 3) {
      expect((await receive(whole.subarray(0, length), 7, "b", path)).ok).toBe(false);
    }
  });

  it("are refused with two files, endless headers, or garbage after a boundary", async () => {
    const path = join(temporaryFolder(), "file");
    const file = '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nc\r\n';
    for (const text of [`${file}${file}--b--`, `--b\r\n${"x".repeat(20_000)}`, "--bxx\r\n"]) {
      expect((await receive(Buffer.from(text), 1000, "b", path)).ok).toBe(false);
    }
  });

  it("are refused with a field that is too long, or another content type", async () => {
    const path = join(temporaryFolder(), "file");
    const field = `--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n${"x".repeat(70_000)}\r\n--b--\r\n`;
    expect(await receive(Buffer.from(field), 1000, "b", path)).toMatchObject({ ok: false });
    const json = receiveForm(inPieces(Buffer.from("{}"), 10), { "content-type": "application/json" }, { files: 1 });
    expect(await json).toMatchObject({ ok: false });
  });
});
