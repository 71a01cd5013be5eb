import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isJsonObject, type JsonObject } from "../../src/graph/json.ts";
import { type Ran, runDsgen, type SceneProject } from "./support/project.ts";
import { edit, jsonObject, lineOf, shippedProject, write } from "./support/shipped.ts";

/*
 * `dsgen report` on the shipped project made small: what is on the page, when it is made again, and that it asks for nothing.
 */

let project: SceneProject;
let before: Ran;
let built: Ran;
let made: Ran;

beforeAll(async () => {
  project = shippedProject({ batches: 3, requestsPerBatch: 4, scenariosPerRequest: 8, targetScenarios: 20 });
  before = await runDsgen(project, ["report"]);
  built = await runDsgen(project, ["build", "--wait"]);
  made = await runDsgen(project, ["report", "--json"]);
});
afterAll(() => project.remove());

describe("dsgen report", () => {
  it("says of a project without answers what is missing and what asks for it, and asks for nothing", () => {
    expect(before.code).toBe(1);
    expect(before.stderr).toMatch(
      /output_batch0\.jsonl.*: its requests are not answered yet, and nothing is asked here/,
    );
    expect(before.stderr).toContain("`dsgen build` asks.");
    expect(before.stderr).not.toMatch(/^ +at /m);
  });

  it("is made when it is asked for, and not by a plain build", () => {
    expect([built.code, made.code]).toEqual([0, 0]);
    expect(built.stdout + built.stderr).not.toContain("report.html");
    const { bytes, ...line } = lineOf(made.stdout, "report");
    expect(line).toEqual({ type: "report", file: "report.html", state: "built", simulated: true });
    expect(bytes).toBe(statSync(project.path("report.html")).size);
    expect(bytes).toBeLessThan(3_000_000);
  });

  it("tells the manifest's numbers, and that the answers are simulated", () => {
    const page = project.read("report.html");
    const { summary, dataset } = jsonObject(project.read("dataset.manifest.json"));
    if (!isJsonObject(summary) || !isJsonObject(dataset)) throw new Error("the manifest lacks a part");
    expect(page).toContain("These answers are SIMULATED");
    expect(cellsOf(page, "Step")).toEqual([
      ["requests", ...written(summary, "responses")],
      ["answers", ...written(summary, "answered")],
      ["answers read", expect.any(String)],
      ["pairs generated", ...written(summary, "pairs")],
      ["valid", ...written(summary, "valid")],
      ["in the dataset", ...written(summary, "scenarios")],
    ]);
    expect(page).toContain(String(dataset["sha256"]));
  });

  it("runs nothing but its own script: the policy names its hash, and no other script or handler is there", () => {
    const page = project.read("report.html");
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1]?.replaceAll("&#39;", "'") ?? "";
    const [script] = [...page.matchAll(/<script>([\s\S]*?)<\/script>/g)].map((match) => match[1] ?? "");
    const [style] = [...page.matchAll(/<style>([\s\S]*?)<\/style>/g)].map((match) => match[1] ?? "");
    expect(policy).toBe(
      `default-src 'none'; script-src '${hashOf(script)}'; style-src '${hashOf(style)}'; base-uri 'none'; form-action 'none'`,
    );
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page).not.toMatch(/<[^>]* (on\w+|style|src)=/);
    expect(page).not.toMatch(/https?:\/\/(?!www\.w3\.org\/)/);
  });

  it("is fresh until what it is made from changes, and then the same bytes for the same things", async () => {
    const first = project.read("report.html");
    const again = await runDsgen(project, ["report"]);
    expect(again.stdout).toMatch(/^report\.html {2}\d+ kB, as it was\n$/);
    const forced = await runDsgen(project, ["build", "report.html", "--check-determinism"]);
    expect([forced.code, project.read("report.html") === first]).toEqual([0, true]);
    const explained = await runDsgen(project, ["explain", "report.html"]);
    expect(explained.code).toBe(0);
    edit(project, "config/tasks/refusal.yaml", /^target_scenarios: .*$/m, "target_scenarios: 19");
    const changed = await runDsgen(project, ["report"]);
    expect([changed.code, project.read("report.html") === first]).toEqual([0, false]);
  });

  it("is a page of each task's own where there are several", async () => {
    const one = await runDsgen(project, ["report", "--task", "trivia"]);
    expect(one.code).toBe(1);
    expect(existsSync(project.path("trivia.report.html"))).toBe(false);
  });

  it("shows every kind of task, and several on one page", async () => {
    write(project, "texts.txt", "one text\nanother text\na third\n");
    write(project, "config/tasks/vectors.yaml", VECTORS);
    edit(project, "config/dsgen.yaml", /^default_tasks: .*$/m, "default_tasks: [refusal, trivia, vectors]");
    const all = await runDsgen(project, ["build", "report.html", "--wait"], { deadlineMs: 120_000 });
    expect([all.code, all.stderr]).toEqual([0, expect.stringMatching(/built +report\.html/)]);
    const page = project.read("report.html");
    expect([...page.matchAll(/<h2 id="task\d">([^<]*)</g)].map(([, task]) => task)).toEqual([
      "refusal",
      "trivia",
      "vectors",
    ]);
    for (const part of ["pairs generated", "records generated", "texts embedded"])
      expect(page).toContain(`<td>${part}</td>`);
    const trivia = await runDsgen(project, ["report", "--task", "trivia"]);
    expect([trivia.code, trivia.stdout]).toEqual([0, expect.stringMatching(/^trivia\.report\.html /)]);
    expect(project.read("trivia.report.html")).not.toContain("refusal-");
  });

  it("says to a project with targets of its own how one of them becomes a page", async () => {
    write(project, "targets/index.ts", "export default () => ({ targets: [], live: [] });\n");
    const none = await runDsgen(project, ["report"]);
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("no target makes a page about it.");
    expect(none.stderr).toContain("give one of them this recipe: dsgen/recipes/write-report.");
  });
});

const VECTORS = `task_name: vectors
kind: embeddings
model: text-embedding-3-small
endpoint: /v1/embeddings
inputs: { file: texts.txt }
batches: 1
requests_per_batch: 3
output: vectors.jsonl
checks: []
`;

function hashOf(text: string | undefined): string {
  return `sha256-${createHash("sha256")
    .update(text ?? "")
    .digest("base64")}`;
}

function written(summary: JsonObject, key: string): readonly string[] {
  return [Number(summary[key]).toLocaleString("en-US")];
}

/** The first two cells of each row of the table whose first column has this name. */
function cellsOf(page: string, column: string): readonly (readonly string[])[] {
  const table = RegExp(`<thead><tr><th scope="col">${column}</th>[\\s\\S]*?</table>`).exec(page)?.[0] ?? "";
  return [...table.matchAll(/<tr><td>([^<]*)<\/td><td class="n">([^<]*)<\/td>/g)].map(([, name, value]) => [
    name ?? "",
    value ?? "",
  ]);
}
