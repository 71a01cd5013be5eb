import { expect, test } from "vitest";
import { AxisTally } from "../../src/tasks/axes.ts";

test("yield by axis value: requests, candidates, valid ones and scenarios", () => {
  const tally = new AxisTally(["topic", "level"]);
  tally.requests([
    { request_id: "r0", axes: { topic: "cooking", level: "easy" } },
    { request_id: "r1", axes: { topic: "music", level: "easy" } },
  ]);
  for (const valid of [true, true, false]) tally.candidate("r0", valid);
  tally.candidate("r1", false);
  // Candidates of nobody's request have no axes.
  tally.candidate(null, true);
  tally.candidate("stranger", true);
  expect(tally.taken("r0")).toEqual({ topic: "cooking", level: "easy" });
  expect(tally.taken(null)).toBeUndefined();
  expect(tally.table()).toEqual({
    topic: {
      cooking: { requests: 1, candidates: 3, valid: 2, scenarios: 1, yield: 0.6667 },
      music: { requests: 1, candidates: 1, valid: 0, scenarios: 0, yield: 0 },
    },
    level: { easy: { requests: 2, candidates: 4, valid: 2, scenarios: 1, yield: 0.5 } },
  });
});

test("a value that delivered nothing has no yield rather than none", () => {
  const tally = new AxisTally(["topic"]);
  tally.requests([{ request_id: "r0", axes: { topic: "cooking" } }]);
  expect(tally.table()).toEqual({
    topic: { cooking: { requests: 1, candidates: 0, valid: 0, scenarios: 0, yield: null } },
  });
});
