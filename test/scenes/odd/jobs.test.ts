import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { ALL_WELL, NOTHING, odd } from "../support/odd-scene.ts";
import { refusal } from "../support/odd-server.ts";

/* Looks and downloads that are odd: what became of a job follows from what is proven. */

test("a server that answers as documented", () =>
  odd(
    () => ({}),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      expect(scene.calls(/^POST \/batches$/)).toBe(1);
    },
  ));

for (const [what, counts] of [
  ["zero", { total: 0, completed: 0, failed: 0 }],
  ["null", null],
] as const) {
  test(`completed, with counts of ${what} and the file named two looks later`, () =>
    odd(
      () => ({
        show: (shown, batch) => ({
          ...shown,
          request_counts: counts,
          output_file_id: batch.object.status === "completed" && batch.after <= 2 ? null : shown.output_file_id,
        }),
      }),
      async (scene) => {
        await scene.build();
        expect(scene.outcome()).toEqual(ALL_WELL);
      },
    ));
}

test("completed without any file for ever: nothing is bought again, and the build fails with its reason", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        for (const line of lines) server.charge(line, batch);
        return { output: null, counts: { total: 0, completed: 0, failed: 0 } };
      },
    }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.outcome()).toEqual({ ...NOTHING, paid: 4, lost: 4 });
      expect(scene.calls(/^POST \/batches$/)).toBe(1);
      expect(ran.stdout + ran.stderr).toMatch(/lost|no file|dsgen recover/);
    },
  ));

test("a batch that is queued at first", () =>
  odd(
    () => ({
      polls: 4,
      show: (shown, batch) => ({ ...shown, status: batch.seen <= 3 && batch.after === 0 ? "queued" : shown.status }),
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
    },
  ));

test("a batch that says failed and names an output: its answers are taken, and only the rest is asked again", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        if (batch.nth > 1) return server.answerAll(batch, lines);
        const [answered, [last]] = [lines.slice(0, 3), lines.slice(3)];
        for (const line of answered) server.charge(line, batch);
        return {
          output: answered.map((line) => server.answer(line)),
          errors: last === undefined ? [] : [server.line(last, 500, { error: { message: "upstream" } })],
          status: "failed",
        };
      },
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      expect(scene.calls(/^POST \/batches$/)).toBe(2);
    },
  ));

test("an expired batch: what it answered is kept, and only the rest is asked again", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        if (batch.nth > 1) return server.answerAll(batch, lines);
        const answered = lines.slice(0, 2);
        for (const line of answered) server.charge(line, batch);
        const message = "This request could not be executed before the completion window expired.";
        return {
          output: answered.map((line) => server.answer(line)),
          errors: lines.slice(2).map(({ custom_id }) => ({
            id: "x",
            custom_id,
            response: null,
            error: { code: "batch_expired", message },
          })),
          status: "expired",
        };
      },
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
    },
  ));

test("a download behind a redirect is followed, and its signed address shown nowhere", () =>
  odd(
    () => ({
      onContent: (file) => ({
        status: 302,
        body: Buffer.of(),
        headers: { location: `/blob?f=${file}&X-Amz-Signature=SECRETSIGNATURE123456` },
      }),
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
    },
  ));

test("a signed address that answers with an error is shown nowhere", () =>
  odd(
    () => ({
      onContent: () => ({
        status: 302,
        body: Buffer.of(),
        headers: { location: "/nowhere?X-Amz-Signature=SECRETSIGNATURE123456" },
      }),
    }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.outcome()).toEqual({ ...NOTHING, paid: 4, lost: 4 });
      expect(ran.stderr).toMatch(/404/);
    },
  ));

test("a redirect to another host is followed without the key", async () => {
  const seen: (string | undefined)[] = [];
  let data = Buffer.of();
  const other = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end(data);
  });
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as AddressInfo;
  try {
    await odd(
      () => ({
        onContent(_file, content) {
          data = Buffer.from(content);
          const location = `http://localhost:${port}/bucket?X-Amz-Signature=SECRETSIGNATURE123456`;
          return { status: 302, body: Buffer.of(), headers: { location } };
        },
      }),
      async (scene) => {
        await scene.build();
        expect(scene.outcome()).toEqual(ALL_WELL);
        expect(seen).toEqual([undefined]);
      },
    );
  } finally {
    other.close();
  }
});

test("an output file that cannot be read for a while is not given up for good", () =>
  odd(
    () => ({
      onContent: (file, _data, n) =>
        n <= 6 ? refusal(404, `No such File object: ${file}`, { param: "id" }) : undefined,
    }),
    async (scene) => {
      const ran = await scene.build();
      if (ran.code !== 0) {
        await scene.run("recover");
        await scene.build();
      }
      expect(scene.outcome()).toEqual({
        ...ALL_WELL,
        codes: expect.toSatisfy((codes: number[]) => codes.at(-1) === 0),
      });
      expect(scene.calls(/^POST \/batches$/)).toBe(1);
    },
  ));

test("a torn download of a batch that counts zero is noticed by the file's size", () =>
  odd(
    () => ({
      show: (shown) => ({ ...shown, request_counts: { total: 0, completed: 0, failed: 0 } }),
      onContent(_file, data, n) {
        // Whole lines, and fewer of them.
        const end = data.indexOf(10, data.length >> 1) + 1;
        return n > 1 ? undefined : { status: 200, body: data.subarray(0, end) };
      },
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
    },
  ));

test("file ids that are empty texts are none", () =>
  odd(
    () => ({ show: (shown) => ({ ...shown, error_file_id: shown.error_file_id ?? "" }) }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      expect(scene.calls(/^GET \/files\/content|^GET \/files\/\//)).toBe(0);
    },
  ));
