import { afterAll, expect, it } from "vitest";
import { makeProject, runDsgen, startProvider } from "./support/project.ts";
import { jsonLines } from "./support/shipped.ts";

/* A network that goes away in the middle of a wait, and comes back. */

const project = makeProject({ batches: 2 });
afterAll(() => project.remove());

it("is survived by --wait, which says when it begins and when it is over, and buys nothing twice", async () => {
  const provider = await startProvider({
    // Each look of the client is several calls: its own retries end in vain too.
    faultNames: ["retrieve:reset-before#3x12"],
    timing: { validatingMs: 15, perRequestMs: 100, finalizingMs: 5, staggerMs: 20, answerMs: 0 },
  });
  const ran = await runDsgen(project, ["build", "--wait", "--json"], { url: provider.url });
  expect(ran.code).toBe(0);
  const notices = jsonLines(ran.stdout).filter(({ type }) => type === "notice");
  const codes = notices.map(({ code }) => code).filter((code) => code === "poll" || code === "poll-again");
  expect(codes[0]).toBe("poll");
  expect(codes.at(-1)).toBe("poll-again");
  expect((await provider.ledger()).creates).toHaveLength(2);
  await provider.remove();
});
