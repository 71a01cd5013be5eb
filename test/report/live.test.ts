import { Writable } from "node:stream";
import { WriteStream } from "node:tty";
import { stripVTControlCharacters } from "node:util";
import { expect, test, vi } from "vitest";
import type { BuildEvent } from "../../src/events/schema.ts";
import { liveReporter } from "../../src/report/live.ts";
import { PLAIN_STYLE } from "../../src/report/style.ts";
import { ASK, AUTH, BUILD, jobEvent, targetEvent } from "./events.ts";

/** A terminal of 80 columns that keeps what is written to it. */
function terminal(): { readonly stream: NodeJS.WriteStream; text(): string; lines(): string[] } {
  const parts: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      parts.push(String(chunk));
      done();
    },
  });
  const stream: NodeJS.WriteStream = Object.create(WriteStream.prototype, {
    columns: { value: 80 },
    rows: { value: 24 },
    isTTY: { value: true },
    write: { value: sink.write.bind(sink), writable: true },
  });
  const text = () => parts.join("");
  return { stream, text, lines: () => stripVTControlCharacters(text()).split("\n") };
}

function reporterOn(stream: NodeJS.WriteStream) {
  const stages = ["requests", "answers", "validation", "dataset"];
  return liveReporter({ stream, style: PLAIN_STYLE, stages, now: () => 720_000 });
}

test("a null build leaves the terminal as it was", async () => {
  const { stream, text } = terminal();
  const reporter = reporterOn(stream);
  for (let i = 0; i < 100; i++) reporter.event(targetEvent(`t/${i}`, "requests", { state: "fresh" }));
  await reporter.close();
  expect(text()).toBe("");
});

test("a warning before anything is drawn is told at once", async () => {
  const { stream, text, lines } = terminal();
  const reporter = reporterOn(stream);
  reporter.event({ type: "notice", level: "warning", code: "simulated", message: "SIMULATED" });
  expect(text()).toBe("warning: SIMULATED\n");
  reporter.event({ type: "notice", level: "warning", code: "long", message: "a word ".repeat(15).trim() });
  expect(lines().filter((line) => line.length > 80 || line.endsWith("wor"))).toEqual([]);
  await reporter.close();
});

test("stages and waiting batches are drawn, and no line is wider than the terminal", async () => {
  const { stream, text, lines } = terminal();
  const reporter = reporterOn(stream);
  const long = `requests/refusal/${"x".repeat(100)}.jsonl`;
  for (const event of BUILD) reporter.event(event);
  reporter.event({ ...jobEvent(7, "in_progress", 3), requestFile: long } as BuildEvent);
  await vi.waitFor(() => expect(text()).toContain("on the provider"), { timeout: 20_000 });
  reporter.event(jobEvent(1, "in_progress", 35));
  await vi.waitFor(() => expect(text()).toContain("35/50"), { timeout: 20_000 });
  await reporter.close();
  await reporter.close();
  for (const line of lines()) expect([...line].length).toBeLessThanOrEqual(80);
  const drawn = text();
  expect(drawn).toContain("- answers          1/2: 1 made");
  expect(drawn).toContain("- validation       2 made");
  expect(drawn).toContain("✗ dataset          1 failed");
  // Listr2 hides the cursor; whoever comes after must find it again.
  expect(drawn.lastIndexOf("\u001b[?25h")).toBeGreaterThan(drawn.lastIndexOf("\u001b[?25l"));
  // Problems come after the display, where nothing overwrites them, and once.
  expect(drawn.indexOf(AUTH.message)).toBeGreaterThan(drawn.lastIndexOf("1 failed"));
  expect(drawn.split(AUTH.message)).toHaveLength(2);
});

test("what takes longer than two seconds is drawn before anything is made, with what is being made and since when", async () => {
  const { stream, text } = terminal();
  let clock = 0;
  const stages = ["requests", "dataset"];
  const reporter = liveReporter({ stream, style: PLAIN_STYLE, stages, now: () => clock });
  reporter.event(targetEvent("a.jsonl", "requests", { state: "fresh" }));
  reporter.event(targetEvent("dataset.jsonl", "dataset", { state: "building" }));
  expect(text()).toBe("");
  clock = 12_000;
  await vi.waitFor(() => expect(text()).toContain("dataset          1 running: dataset.jsonl 12 s"), {
    timeout: 20_000,
  });
  reporter.event(targetEvent("dataset.jsonl", "dataset", { state: "built", changed: true }, 12_000));
  await reporter.close();
  expect(text()).toContain("dataset          1 made");
});

test("a build that ends at once still shows what it made", async () => {
  const { stream, text } = terminal();
  const reporter = reporterOn(stream);
  reporter.event(targetEvent("dataset.jsonl", "dataset", { state: "built", changed: true }, 3));
  await reporter.close();
  expect(text()).toContain("dataset");
  expect(text()).toContain("1 made");
});

test("ages, the clock and the next look go on while nothing happens", async () => {
  const { stream, text } = terminal();
  let clock = 0;
  const reporter = liveReporter({
    stream,
    style: PLAIN_STYLE,

    stages: ["requests", "answers"],
    now: () => clock,
    spending: () => ({ spentUsd: 1.25, inFlightUsd: 3 }),
  });
  reporter.event({ type: "build-started", goals: [], simulated: false, provider: "OpenAI" });
  reporter.event(jobEvent(0, "in_progress", 20));
  reporter.event({ type: "look", inMs: 60_000 });
  await vi.waitFor(() => expect(text()).toContain("0 s; next look in 1 min; spent $1.25, in flight at most $3.00"), {
    timeout: 20_000,
  });
  clock = 45_000;
  await vi.waitFor(() => expect(text()).toContain("45 s; next look in 15 s;"), { timeout: 20_000 });
  expect(text()).toMatch(/request_batch0\.jsonl: in_progress +20\/50 +45 s/);
  clock = 125_000;
  await vi.waitFor(() => expect(text()).toContain("2 min 5 s; looking at the provider;"), { timeout: 20_000 });
  await reporter.close();
});

test("a check mark is for what a build came to, not for where Ctrl-C left it", async () => {
  const { stream, lines } = terminal();
  const reporter = reporterOn(stream);
  reporter.event(
    targetEvent("requests/refusal/request_batch0.jsonl", "requests", { state: "built", changed: true }, 3),
  );
  reporter.event(targetEvent("validated/refusal/shard0.jsonl", "validation", { state: "building" }));
  reporter.event(jobEvent(0, "in_progress", 20));
  reporter.event({ type: "build-finished", outcome: "interrupted", counts: {}, durationMs: 1 });
  await reporter.close();
  const drawn = lines();
  expect(drawn.join("\n")).not.toMatch(/[✓✔]/);
  expect(drawn).toContain("- requests         1 made");
  expect(drawn).toContain("… validation       1 running");
  expect(drawn).toContain("… on the provider  0/1 batches over, 20/50 answered");
});

test("what it may cost is above the display and stays, and a pause leaves room below it", async () => {
  const { stream, text, lines } = terminal();
  const reporter = reporterOn(stream);
  reporter.event(
    targetEvent("requests/refusal/request_batch0.jsonl", "requests", { state: "built", changed: true }, 3),
  );
  await vi.waitFor(() => expect(text()).toContain("1 made"), { timeout: 20_000 });
  const { model: _, ...sum } = ASK;
  reporter.event({ type: "asking", files: 1, ...sum });
  await reporter.pause();
  expect(lines().at(-2)).toBe("send 50, reuse 0; tokens: 15,000 in, 40,000 out; cost: $0.21 (at most $0.50)");
  expect(text().lastIndexOf("\u001b[?25h")).toBeGreaterThan(text().lastIndexOf("\u001b[?25l"));
  reporter.event(jobEvent(0, "submitted", 0));
  await reporter.close();
  expect(lines().slice(-20).join("\n")).toContain("0/1 batches over");
});

test("a provider out of reach is shown while it is, with for how long; and what is valid, once a shard is made", async () => {
  const { stream, text } = terminal();
  let now = 720_000;
  const reporter = liveReporter({
    stream,
    style: PLAIN_STYLE,
    stages: ["requests", "answers", "validation", "dataset"],
    now: () => now,
    history: () => [600_000, 660_000, 900_000],
    yielded: (made) => ({ valid: 40 * made.size, wanted: 100, shards: made.size, of: 4 }),
  });
  for (const event of BUILD) reporter.event(event);
  // Such a shard is an earlier build's.
  reporter.event(targetEvent("validated/refusal/shard9.jsonl", "validation", { state: "building" }));
  reporter.event(jobEvent(7, "in_progress", 3));
  reporter.event({ type: "notice", level: "warning", code: "poll", message: "no network" });
  now += 180_000;
  reporter.event({ type: "look", inMs: 60_000 });
  await vi.waitFor(() => expect(text()).toMatch(/out of reach for 3 min: no network/), { timeout: 20_000 });
  expect(text()).toMatch(/expected end .*in 7 min to 12 min, as 3 batches before took/);
  expect(text()).toContain("80/100 in 2 of 4 shards; about 160 expected");
  reporter.event({ type: "notice", level: "info", code: "poll-again", message: "the provider answers again" });
  const before = text().length;
  reporter.event({ type: "look", inMs: 60_000 });
  await reporter.close();
  expect(text().slice(before)).not.toContain("out of reach");
});
