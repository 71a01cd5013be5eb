import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { ALL_WELL, odd } from "../support/odd-scene.ts";
import { filesBelow } from "../support/project.ts";

/* Answers that are too long for anything, and texts that would act on a terminal. */

const MEGABYTE = 1024 * 1024;
const gzip = { "content-encoding": "gzip" };

test("a line of 200 MB is told by its number, kept, and not bought again; its neighbours are used", async () => {
  const bomb = Buffer.alloc(200 * MEGABYTE, "x");
  const packed = new Map<string, Buffer>();
  await odd(
    () => ({
      onContent(file, data) {
        const before = packed.get(file);
        if (before !== undefined) return { status: 200, body: before, headers: gzip };
        const lines = data.toString("utf8").trimEnd().split("\n");
        // The same line, with a long word in it.
        const long = (lines[1] ?? "").split('"id":');
        const body = Buffer.concat([
          Buffer.from(`${lines[0]}\n${long[0]}"word":"`),
          bomb,
          Buffer.from(`","id":${long.slice(1).join('"id":')}\n${lines.slice(2).join("\n")}\n`),
        ]);
        const once = gzipSync(body, { level: 1 });
        packed.set(file, once);
        return { status: 200, body: once, headers: gzip };
      },
    }),
    async (scene) => {
      const first = await scene.build();
      expect(first.stderr).toMatch(/line 2 of file-\w+ of batch batch_\w+ cannot be read as batch output/);
      expect(first.stderr).toMatch(/the file is kept as it came/);
      expect(first.stderr).toMatch(/not sent again/);
      const second = await scene.build();
      expect(second.code).toBe(first.code);
      expect(scene.outcome()).toMatchObject({ rows: 6, paid: 4, paidTwice: 0, excess: [], leaks: [] });
      const stored = [...filesBelow(scene.project.root)].filter(({ content }) => content.length > 200 * MEGABYTE);
      expect(stored.length).toBe(1);
    },
  );
}, 90_000);

test("a list or an object of half a gigabyte is not read to its end, and proves nothing", async () => {
  const bomb = gzipSync(Buffer.concat([Buffer.from('{"id":"batch_1","x":"'), Buffer.alloc(500 * MEGABYTE, "x")]), {
    level: 1,
  });
  await odd(
    () => ({ onCreate: (_, n) => (n <= 2 ? { status: 200, body: bomb, headers: gzip } : undefined) }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
    },
  );
}, 90_000);

const HOSTILE = "\u001b[2J\u001b]0;owned\u0007\u202egpj.exe\u200b\nerror: forged: all is lost\r\u009b31m";

test("what an answer, a provider or a file name holds is shown, and does nothing to the terminal", async () => {
  const axes = { topic: [`animals ${HOSTILE.replaceAll(/[\n\r]/g, " ")}`, "cooking"] };
  await odd(
    (server) => ({
      show: (shown) => ({ ...shown, errors: { data: [{ code: HOSTILE, message: HOSTILE, line: 1, param: HOSTILE }] } }),
      settle(batch, lines) {
        const [first, ...rest] = lines;
        if (first === undefined) throw new Error("four requests");
        for (const line of rest) server.charge(line, batch);
        const record = { question: `What ${HOSTILE}?`, answer: `It ${HOSTILE}` };
        const content = JSON.stringify({ records: [record, { question: "a", answer: "b" }] });
        const said = (line: (typeof rest)[number]) =>
          server.completion(line.body, {
            choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
          });
        return {
          output: rest.map((line) => server.answer(line, said(line))),
          errors: [server.line(first, 400, { error: { message: HOSTILE, type: HOSTILE, code: HOSTILE } })],
        };
      },
    }),
    async (scene) => {
      const written: string[] = [];
      for (const args of [
        ["build", "--wait", "--poll", "0.03", "--verbose"],
        ["status", "--verbose"],
        ["plan"],
        ["explain", "dataset.jsonl"],
        ["inspect", "dataset.jsonl"],
        ["inspect", "batch_outputs/tiny/output_batch0.jsonl"],
        ["inspect", "requests/tiny/request_batch0.jsonl"],
        ["explain", `${HOSTILE}.jsonl`],
        ["inspect", `${HOSTILE}.jsonl`],
        ["build", "--set", `tiny.description=${HOSTILE}`, "--json", "--wait"],
      ]) {
        const { stdout, stderr } = await scene.run(...args);
        written.push(stdout, stderr);
      }
      const all = written.join("");
      expect(all.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069\u200b]/u);
      expect(all).toContain("\\u001b[2J");
      expect(all).toContain("\\u202egpj");
      // No line of ours begins with what is not ours.
      expect(all).not.toMatch(/^error: forged/m);
    },
    { task: { axes } },
  );
}, 60_000);
