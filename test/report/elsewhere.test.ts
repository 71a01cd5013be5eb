import { Writable } from "node:stream";
import { WriteStream } from "node:tty";
import { expect, test, vi } from "vitest";
import type { WaitingElsewhere } from "../../src/graph/state.ts";
import { elsewhereText, standingsText } from "../../src/report/elsewhere.ts";
import { liveReporter } from "../../src/report/live.ts";
import { memoryOutput } from "../../src/report/output.ts";
import { PLAIN_STYLE } from "../../src/report/style.ts";
import { textReporter } from "../../src/report/text.ts";
import { screenOf } from "../scenes/support/screen.ts";
import { jobEvent, targetEvent } from "./events.ts";

/* What a cluster makes, in few calm lines however many nodes and arrays there are. */

const shard = (i: number) => `validated/refusal/shard${i}.jsonl`;
const on = (job: string, reason: string, node?: string): WaitingElsewhere => ({
  executor: "slurm",
  job,
  reason,
  since: 0,
  ...(node !== undefined && { node }),
});
const waits = (i: number, elsewhere: WaitingElsewhere) =>
  targetEvent(shard(i), "validation", { state: "waiting", on: [], elsewhere: [elsewhere] });
const built = (i: number) => targetEvent(shard(i), "validation", { state: "built", changed: true }, 900);

test("running is running, on whatever node: three are named, of more it is said how many", () => {
  const four = [1, 2, 3, 4].map((n) => on("17", `running on n${n}`, `n${n}`));
  expect(standingsText(four.slice(0, 2))).toBe("2 targets running on n1, n2");
  expect(standingsText([...four, on("17", "pending (Priority)")])).toBe(
    "4 targets running on 4 nodes, 1 pending (Priority)",
  );
  expect(elsewhereText([...four, on("18", "running on n9", "n9")], 300_000, 2)).toBe(
    "  4 targets: running on 4 nodes  job 17  5 min\n  1 target: running on n9        job 18  5 min\n",
  );
  expect(elsewhereText([...four, on("18", "running on n9", "n9")], 300_000, 1)).toMatch(
    /^ {2}5 targets: running on 5 nodes +5 min\n$/,
  );
});

test("the live view: how far, how many a minute, on how many nodes; calm at 80 by 24 whatever runs", async () => {
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
  let now = 0;
  const stages = ["requests", "answers", "validation", "dataset"];
  const reporter = liveReporter({ stream, style: PLAIN_STYLE, stages, now: () => now });
  for (let i = 0; i < 30; i++) reporter.event(jobEvent(i, "in_progress", 3));
  for (let i = 0; i < 400; i++)
    reporter.event(
      waits(
        i,
        i < 200 ? on(`${i % 9}`, `running on node-${i % 100}`, `node-${i % 100}`) : on("9", "pending (Priority)"),
      ),
    );
  const screen = () => screenOf(parts.join("").replaceAll("\n", "\r\n"));
  await vi.waitFor(() => expect(screen()).toMatch(/on the cluster +0\/400 made; 100 nodes/), { timeout: 20_000 });
  now = 120_000;
  for (let i = 0; i < 7; i++) reporter.event(built(i));
  await vi.waitFor(() => expect(screen()).toMatch(/on the cluster +7\/400 made, 3\.5 a minute; 100 nodes/), {
    timeout: 20_000,
  });
  expect(screen()).toMatch(/193 targets: running on 100 nodes +2 min\n +200 targets: pending \(Priority\) +2 min/);
  const lines = screen().trimEnd().split("\n");
  expect(lines.length).toBeLessThanOrEqual(24);
  for (const line of lines) expect([...line].length).toBeLessThanOrEqual(80);
  for (let i = 7; i < 400; i++) reporter.event(built(i));
  await reporter.close();
  expect(screen()).toMatch(/✓ on the cluster +400\/400 made/);
  expect(screen()).not.toMatch(/running on/);
});

test("in a pipe, at most a line a minute, whatever changes", async () => {
  const out = memoryOutput();
  let now = 0;
  const reporter = textReporter(out, PLAIN_STYLE, "normal", () => now);
  for (let second = 0; second < 300; second++) {
    now = second * 1000;
    // Another count each second.
    for (let i = 0; i < 50; i++)
      reporter.event(waits(i, i < second % 40 ? on("17", "pending (Priority)") : on("17", "running on n1", "n1")));
    reporter.event({ type: "look", inMs: 1000 });
  }
  await reporter.close();
  const told = out
    .text()
    .split("\n")
    .filter((line) => line.startsWith("waiting"));
  expect(told[0]).toMatch(/^waiting +slurm: 50 targets running on n1$/);
  expect(told).toHaveLength(5);
});
