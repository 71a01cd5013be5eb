import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { ALL_WELL, NOTHING, odd } from "../support/odd-scene.ts";
import { type Json, refusal } from "../support/odd-server.ts";

/* Uploads, creates, listings, looks and downloads that are odd: what became of a job follows from what is proven. */

test("a server that answers as documented", () =>
  odd(
    () => ({}),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      expect(scene.calls(/^POST \/batches$/)).toBe(1);
    },
  ));

test("a create that was cut off is adopted on a server that keeps no metadata", () =>
  odd(
    () => ({ dropCreate: [1], polls: 3, show: withoutMetadata }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      expect(scene.calls(/^POST \/batches$/)).toBe(1);
    },
  ));

test("a create that was cut off is adopted from a listing that begins with the oldest", () =>
  odd(
    () => ({
      dropCreate: [1],
      polls: 8,
      listRows: (rows) => [...[...oldBatches(150, 3 * 86_400)].reverse(), ...[...rows].reverse()],
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      expect(scene.calls(/^POST \/batches$/)).toBe(1);
    },
  ));

test("somebody else's batch without an input file spoils no listing", () =>
  odd(
    () => ({
      dropCreate: [1],
      polls: 3,
      show: withoutMetadata,
      listRows: (rows) => [{ ...oldBatches(1, 0)[0], input_file_id: null, request_counts: null }, ...rows],
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      expect(scene.calls(/^POST \/batches$/)).toBe(1);
    },
  ));

test("a listing whose pages overlap and do not follow `after` is read a bounded number of times", async () => {
  for (const dropCreate of [[], [1]]) {
    await odd(
      () => ({
        dropCreate,
        polls: 3,
        listPage(rows, query, n) {
          const all = [...rows, ...oldBatches(99, 60)];
          const from = n % 3;
          const page = all.slice(from, from + 90);
          const stuck = page.at(-1)?.["id"] === query.get("after");
          return { data: stuck ? all.slice(from + 1, from + 91) : page, has_more: true };
        },
      }),
      async (scene) => {
        await scene.build();
        // The batch is on two pages of three: it is found.
        expect(scene.outcome()).toEqual(ALL_WELL);
        expect(scene.calls(/^POST \/batches$/)).toBe(1);
      },
    );
  }
});

test("a listing that gives the same page for ever proves nothing: what cannot be found is not bought again", () =>
  odd(
    () => ({
      dropCreate: [1],
      polls: 1000,
      listPage: () => ({ data: oldBatches(20, 60), has_more: true }),
    }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.outcome()).toEqual({ ...NOTHING, codes: [expect.toBeOneOf([1, 75])] });
      expect(scene.calls(/^POST \/batches$/)).toBe(1);
      // The person decides, and is told how.
      expect(ran.stdout + ran.stderr).toMatch(/dsgen recover --forget/);
    },
  ));

test("a listing that never ends is given up, and what cannot be found is not bought again", () =>
  odd(
    () => {
      let next = 0;
      return {
        dropCreate: [1],
        polls: 1000,
        listPage(_rows, query) {
          const data = oldBatches(Number(query.get("limit") ?? 20), 60, next);
          next += data.length;
          return { data, has_more: true };
        },
      };
    },
    async (scene) => {
      const ran = await scene.build();
      expect(scene.outcome()).toEqual({ ...NOTHING, codes: [expect.toBeOneOf([1, 75])] });
      expect(scene.calls(/^POST \/batches$/)).toBe(1);
      expect(ran.stdout + ran.stderr).toMatch(/dsgen recover --forget/);
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

test("an upload that is rewritten, and so of another size, is used or refused, not repeated for ever", () =>
  odd(
    () => ({
      onUpload: (file) => ({
        ...file,
        bytes: Number(file["bytes"]) - 12,
        filename: "modified_file.jsonl",
        status: "uploaded",
      }),
    }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.calls(/^POST \/files$/)).toBeLessThanOrEqual(5);
      if (ran.code === 0) expect(scene.outcome()).toEqual(ALL_WELL);
      else {
        expect(scene.outcome()).toEqual(NOTHING);
        expect(ran.stderr).toMatch(/bytes/);
      }
    },
  ));

test("an upload whose size is reported differently every time", () =>
  odd(
    () => ({ onUpload: (file, n) => ({ ...file, bytes: n }) }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.calls(/^POST \/files$/)).toBeLessThanOrEqual(5);
      if (ran.code === 0) expect(scene.outcome()).toEqual(ALL_WELL);
      else {
        expect(scene.outcome()).toEqual(NOTHING);
        expect(ran.stderr).toMatch(/bytes/);
      }
    },
  ));

test("a file that is not found, or still pending, right after its upload is waited for", async () => {
  for (const message of [
    "Cannot find file FILE, or project proj_849B does not have access to it.",
    "file is still pending",
  ]) {
    await odd(
      () => ({
        onCreate: (request, n) =>
          n > 3
            ? undefined
            : refusal(400, message.replace("FILE", String(request["input_file_id"])), { param: "file_id" }),
      }),
      async (scene) => {
        await scene.build();
        expect(scene.outcome()).toEqual(ALL_WELL);
        expect(scene.calls(/^POST \/files$/)).toBe(1);
      },
    );
  }
});

test("a file that stays pending is given up, with the provider's words", () =>
  odd(
    () => ({ onCreate: () => refusal(400, "file is still pending", { param: "file_id" }) }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.outcome()).toEqual(NOTHING);
      expect(ran.stderr).toMatch(/file is still pending/);
    },
  ));

test("the token limit with nothing in flight: it can never fit, and that is said once", () =>
  odd(
    () => ({
      settle: () => ({
        output: null,
        status: "failed",
        counts: { total: 0, completed: 0, failed: 0 },
        reasons: {
          object: "list",
          data: [
            {
              code: "token_limit_exceeded",
              line: null,
              param: null,
              message:
                "Enqueued token limit reached for gpt-4o in organization org-x. Limit: 2,000,000 enqueued tokens. Please try again once some in_progress batches have been completed.",
            },
          ],
        },
      }),
    }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.outcome()).toEqual(NOTHING);
      expect(ran.stderr).toMatch(/Enqueued token limit reached for gpt-4o/);
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

function withoutMetadata(shown: Json): Json {
  return { ...shown, metadata: null };
}

/** Batches of somebody else's, newest first, the first of them `age` seconds old. */
function oldBatches(count: number, age: number, from = 0): readonly Json[] {
  const now = Math.floor(Date.now() / 1000);
  return Array.from({ length: count }, (_, at) => ({
    id: `batch_o${String(from + at).padStart(6, "0")}`,
    object: "batch",
    endpoint: "/v1/chat/completions",
    errors: null,
    input_file_id: "file-x",
    completion_window: "24h",
    status: "completed",
    output_file_id: "file-y",
    error_file_id: null,
    created_at: now - age - at,
    request_counts: { total: 1, completed: 1, failed: 0 },
    metadata: null,
  }));
}
