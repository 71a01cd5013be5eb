import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { confirmer, saysYes } from "../../src/cli/confirm.ts";
import type { Ask, BuildEvent } from "../../src/events/schema.ts";
import { ASK } from "../report/events.ts";

const NEVER = new AbortController().signal;

/** What was told, done and asked, in order. */
function scene(above: number | null, answer: boolean | undefined) {
  const log: string[] = [];
  const events: BuildEvent[] = [];
  const confirm = confirmer({
    ask:
      answer === undefined
        ? undefined
        : (question) => {
            log.push(question);
            return Promise.resolve(answer);
          },
    above: () => above,
    emit: (event) => {
      log.push(event.type);
      events.push(event);
    },
    pause: () => {
      log.push("pause");
      return Promise.resolve();
    },
  });
  return { log, events, send: (...asks: readonly Ask[]) => confirm(asks, NEVER) };
}

describe("before anything is sent", () => {
  test("what it may cost is told, whatever it is and whoever is there", async () => {
    for (const answer of [true, undefined]) {
      const { log, events, send } = scene(5, answer);
      expect(await send(ASK, ASK)).toBeUndefined();
      expect(log).toEqual(["asking", "pause"]);
      expect(events).toEqual([
        expect.objectContaining({ files: 2, requests: 100, costUsd: 0.42, maxCostUsd: 1, inputTokens: 30_000 }),
      ]);
    }
  });

  test("above the bound a person is asked, and a no sends nothing", async () => {
    const yes = scene(0.9, true);
    expect(await yes.send(ASK, ASK)).toBeUndefined();
    expect(yes.log.at(-1)).toBe("Send 100 requests for at most $1.00?");
    const no = scene(0.9, false);
    expect(await no.send(ASK, ASK)).toMatchObject({
      kind: "budget",
      message: expect.stringContaining("not confirmed"),
    });
  });

  test("an unknown cost is above every bound", async () => {
    const { log, send } = scene(1000, true);
    await send({ ...ASK, maxCostUsd: null });
    expect(log.at(-1)).toBe("Send 50 requests at a cost that is not known?");
  });

  test("rounds add up until they are agreed to", async () => {
    const { log, send } = scene(1.2, true);
    for (let round = 0; round < 6; round++) await send(ASK);
    expect(log.filter((line) => line.startsWith("Send"))).toHaveLength(2);
  });

  test("nobody is asked in a pipe, nor under --yes", async () => {
    for (const { log, send } of [scene(0, undefined), scene(null, false)]) {
      expect(await send(ASK)).toBeUndefined();
      expect(log).toEqual(["asking", "pause"]);
    }
  });
});

describe("a question", () => {
  const asked = (typed: string | null, signal = NEVER) => {
    const from = new PassThrough();
    const answer = saysYes({ from, to: new PassThrough() }, "Send?", signal);
    if (typed === null) from.end();
    else from.write(`${typed}\n`);
    return answer;
  };

  test.each(["y", "Y", " yes "])("%j is yes", async (typed) => expect(await asked(typed)).toBe(true));
  test.each(["", "n", "yep", "no"])("%j is no", async (typed) => expect(await asked(typed)).toBe(false));
  test("an input that ends is no", async () => expect(await asked(null)).toBe(false));
  test("an interruption is no", async () => {
    const stop = new AbortController();
    const from = new PassThrough();
    const answer = saysYes({ from, to: new PassThrough() }, "Send?", stop.signal);
    stop.abort();
    expect(await answer).toBe(false);
  });
});
