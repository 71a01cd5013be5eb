import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bodyAt, type RequestBody } from "../../src/batch/imported-body.ts";

test("a body is read again as it was, and another of the same length in its place is refused", () => {
  const folder = mkdtempSync(join(tmpdir(), "dsgen-body-"));
  try {
    const path = join(folder, "request_batch0.jsonl");
    const line = (text: string) => JSON.stringify({ custom_id: "a", body: { model: "m", input: text } });
    const at = { path, offset: 2, length: Buffer.byteLength(line("cake")) };
    const isCake = (body: RequestBody) => body["input"] === "cake";
    writeFileSync(path, `{}${line("cake")}\n`);
    expect(bodyAt(at, isCake)).toEqual({ model: "m", input: "cake" });
    writeFileSync(path, `{}${line("bomb")}\n`);
    expect(() => bodyAt(at, isCake)).toThrow(/changed while it was imported/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
