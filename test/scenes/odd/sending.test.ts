import { expect, test } from "vitest";
import type { Json } from "../support/odd-case.ts";
import { ALL_WELL, NOTHING, odd } from "../support/odd-scene.ts";
import { refusal } from "../support/odd-server.ts";

/* Uploads, creates and listings that are odd: nothing is sent twice, nothing for ever, and absence is not guessed. */

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
