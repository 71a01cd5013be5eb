import { expect, test } from "vitest";
import { buildEventSchema } from "../../src/events/schema.ts";
import { memoryOutput } from "../../src/report/output.ts";
import { jsonReporter, writeLine } from "../../src/report/reporter.ts";
import { jsonLineSchema } from "../../src/report/result-schema.ts";
import { BUILD } from "./events.ts";

test("every event is one line that the schema takes", async () => {
  const out = memoryOutput();
  const reporter = jsonReporter(out);
  for (const event of BUILD) reporter.event(event);
  await reporter.close();
  const lines = out.text().trimEnd().split("\n");
  expect(lines).toHaveLength(BUILD.length);
  for (const line of lines) expect(buildEventSchema.safeParse(JSON.parse(line)).error).toBeUndefined();
});

test("a line without a type, of another type, or with a member nobody documented is refused", () => {
  const out = memoryOutput();
  writeLine(out, { type: "simulator", url: "http://127.0.0.1:1", env: {} });
  const good: unknown = JSON.parse(out.text());
  expect(jsonLineSchema.safeParse(good).success).toBe(true);
  for (const change of [{ type: undefined }, { type: "simulated" }, { more: 1 }, { url: 3 }]) {
    expect(jsonLineSchema.safeParse(Object.assign({}, good, change)).success).toBe(false);
  }
});
