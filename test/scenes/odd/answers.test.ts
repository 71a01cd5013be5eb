import { expect, test } from "vitest";
import { ALL_WELL, odd } from "../support/odd-scene.ts";

/* Lines of output and error files that are odd: the good ones are taken, the others named and nothing lost by them. */

test("an output that begins with a byte order mark", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        const [first, ...rest] = server.answerAll(batch, lines).output ?? [];
        return { output: [`\uFEFF${JSON.stringify(first)}`, ...rest] };
      },
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
    },
  ));

test("an error line that names no request is said, and spoils nothing", () =>
  odd(
    (server) => ({
      settle: (batch, lines) => ({
        ...server.answerAll(batch, lines),
        errors: [
          {
            id: "batch_req_x",
            custom_id: null,
            response: null,
            error: { code: "invalid_request", message: "line could not be parsed" },
          },
        ],
        counts: { total: 4, completed: 4, failed: 0 },
      }),
    }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      expect(ran.stderr).toMatch(/line could not be parsed|line 1\b/);
    },
  ));

test("an answer with NaN or -Infinity beside it, as Python writes them", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        const output = server.answerAll(batch, lines).output ?? [];
        return {
          output: output.map((line, at) =>
            at === 1
              ? JSON.stringify(line).replace(
                  '"logprobs":null',
                  '"logprobs":{"content":[{"token":"a","logprob":-Infinity}]}',
                )
              : at === 2
                ? JSON.stringify(line).replace('"logprobs":null', '"logprobs":NaN')
                : line,
          ),
        };
      },
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
    },
  ));

test("a stray line of a log in an output is named by its number, and the answers around it are taken", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        const output = server.answerAll(batch, lines).output ?? [];
        return { output: [...output.slice(0, 2), "INFO: worker 3 restarted", ...output.slice(2)] };
      },
    }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      expect(ran.stderr).toMatch(/line 3\b/);
    },
  ));

test("a line that broke off for good costs its own request, not the file: it may be a charged answer, so it is not bought again", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        if (batch.nth > 1) return server.answerAll(batch, lines);
        for (const line of lines) server.charge(line, batch);
        return {
          output: [...lines.slice(0, 3).map((line) => server.answer(line)), '{"id": "batch_req_x", "custom_id": "ti'],
        };
      },
    }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.outcome()).toEqual({ ...ALL_WELL, rows: 6, lost: 1 });
      expect(ran.stderr).toMatch(/line 4 of file-\w+ of batch \w+ cannot be read as batch output; the file is kept/);
      expect(ran.stderr).toMatch(
        /says nothing of 1 of its 4 requests\. They may have been charged and are not sent again/,
      );
      expect((await scene.build()).code).toBe(0);
      expect(scene.calls(/^POST \/batches$/)).toBe(1);
      expect((await scene.build("--set", "dsgen.batch.resend_lost=true")).code).toBe(0);
      expect(scene.calls(/^POST \/batches$/)).toBe(2);
    },
  ));

test("an error line with status 0 and no error is asked again", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        if (batch.nth > 1) return server.answerAll(batch, lines);
        const [bad, ...good] = lines;
        for (const line of good) server.charge(line, batch);
        return {
          output: good.map((line) => server.answer(line)),
          errors: bad === undefined ? [] : [server.line(bad, 0, {})],
          counts: { total: lines.length, completed: lines.length, failed: 0 },
        };
      },
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      expect(scene.calls(/^POST \/batches$/)).toBe(2);
    },
  ));

test("every line failed on the provider's side, in the error file: asked again", () =>
  odd(
    (server) => ({
      settle: (batch, lines) =>
        batch.nth > 1
          ? server.answerAll(batch, lines)
          : {
              output: null,
              errors: lines.map((line) => server.line(line, 500, { error: { message: "The server had an error" } })),
            },
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
    },
  ));

test("refusals, filtered and empty answers are answers: charged, kept, and never bought again", () =>
  odd(
    (server) => ({
      settle: (batch, lines) =>
        server.answerEach(lines, (line, at) => {
          server.charge(line, batch);
          const message = { role: "assistant", content: null, refusal: "I can't help with that." };
          const filtered = { role: "assistant", content: "", refusal: null };
          if (at === 0)
            return server.completion(line.body, { choices: [{ index: 0, message, finish_reason: "stop" }] });
          if (at === 1)
            return server.completion(line.body, {
              choices: [{ index: 0, message: filtered, finish_reason: "content_filter" }],
            });
          return server.completion(line.body, at === 2 ? { choices: [] } : {});
        }),
    }),
    async (scene) => {
      await scene.build();
      await scene.build();
      expect(scene.outcome()).toEqual({ ...ALL_WELL, codes: [0, 0], rows: 2 });
      expect(scene.calls(/^POST \/batches$/)).toBe(1);
    },
  ));
