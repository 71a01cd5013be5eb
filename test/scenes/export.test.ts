import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { isJsonList, isJsonObject, type JsonObject, type JsonValue } from "../../src/graph/json.ts";
import { ask } from "../export/duck.ts";
import { type Ran, runDsgen, type SceneProject } from "./support/project.ts";
import { append, edit, jsonLines, jsonObject, SMALL, shippedProject } from "./support/shipped.ts";

function asObject(value: unknown): JsonObject {
  if (!isJsonObject(value)) throw new Error("expected an object");
  return value;
}

function objectsIn(value: JsonValue | undefined): readonly JsonObject[] {
  return isJsonList(value) ? value.filter(isJsonObject) : [];
}

/*
 * A dataset in the forms in which others load it: counted by a reader that shares no code with what writes them.
 */

let project: SceneProject;
let before: Ran;
let made: Ran;
let again: Ran;

beforeAll(async () => {
  project = shippedProject({ ...SMALL, tokenizers: ["qwen"] });
  before = await runDsgen(project, ["export", "--to", "parquet"]);
  await runDsgen(project, ["build", "--wait"]);
  for (const format of ["csv", "splits"]) await runDsgen(project, ["export", "--to", format]);
  made = await runDsgen(project, ["export", "--to", "parquet"]);
  again = await runDsgen(project, ["export", "--to", "parquet"]);
});
afterAll(() => project.remove());

describe("dsgen export", () => {
  it("asks for nothing: without answers it says what does", () => {
    expect(before.code).toBe(1);
    expect(before.stderr).toContain("`dsgen build` asks.");
  });

  it("makes a file once, and says that it is as it was", () => {
    expect(made.code).toBe(0);
    expect(made.stdout).toMatch(/^dataset\.parquet {2}\d+ kB\n$/);
    expect(again.stdout).toMatch(/^dataset\.parquet {2}\d+ kB, as it was\n$/);
  });

  it("has in each file the rows of the dataset, and in each row that it is simulated", async () => {
    const rows = project.read("dataset.jsonl").trim().split("\n").length;
    const files = ["dataset.jsonl", "dataset.parquet", "dataset.csv"].map((file) => project.path(file));
    for (const file of files.slice(1)) {
      const [counted] = await ask(`select count(*) as n, bool_and(simulated) as all from '${file}'`);
      expect(counted).toEqual({ n: BigInt(rows), all: true });
      const same = "scenario_id, type, task, text";
      expect(await ask(`select ${same} from '${file}' except all select ${same} from '${files[0]}'`)).toEqual([]);
    }
    const parts = ["train", "validation", "test"].map((part) => project.path(`dataset.${part}.jsonl`));
    const list = `[${parts.map((part) => `'${part}'`).join(", ")}]`;
    const [whole] = await ask(`select count(*) as n, bool_and(simulated) as all from read_json(${list})`);
    expect(whole).toEqual({ n: BigInt(rows), all: true });
    const cut = `select scenario_id from read_json(${list}, filename = true) group by 1 having count(distinct filename) > 1`;
    expect(await ask(cut)).toEqual([]);
  });

  it("has the manifest's digest in the Parquet file", async () => {
    const [digest] = await ask(
      `select sha256(content) as d from read_blob('${project.path("dataset.manifest.json")}')`,
    );
    const about = await ask(
      `select decode(key) as k, decode(value) as v from parquet_kv_metadata('${project.path("dataset.parquet")}')`,
    );
    const said = Object.fromEntries(about.map(({ k, v }) => [k, v]));
    expect(said["dsgen.manifest.sha256"]).toBe(digest?.["d"]);
    expect(said["dsgen.simulated"]).toBe("true");
  });

  it("makes a folder for the hub: the same split, digests that are those of its files, and a card that says so", async () => {
    const folder = await runDsgen(project, ["export", "--to", "huggingface"]);
    expect(folder.code).toBe(0);
    const readme = project.read("dataset.huggingface/README.md");
    const block = asObject(parse(readme.split("---\n")[1] ?? ""));
    expect(block).toMatchObject({ license: "unknown", tags: ["synthetic", "dsgen", "simulated"] });
    expect(readme).toContain("SIMULATED");
    const described = jsonObject(project.read("dataset.huggingface/croissant.json"));
    const files = objectsIn(described["distribution"]);
    expect(files.length).toBeGreaterThan(0);
    for (const { name, contentUrl, contentSize, sha256 } of files) {
      const path = project.path("dataset.huggingface", String(contentUrl));
      const [blob] = await ask(`select sha256(content) as d, size as n from read_blob('${path}')`);
      expect([blob?.["d"], `${blob?.["n"]} B`]).toEqual([sha256, contentSize]);
      const jsonl = project.path(`dataset.${String(name)}.jsonl`);
      const rows = "scenario_id, type, task, text";
      for (const [a, b] of [
        [path, jsonl],
        [jsonl, path],
      ])
        expect(await ask(`select ${rows} from '${a}' except all select ${rows} from '${b}'`)).toEqual([]);
      const [counted] = await ask(`select count(*) as n from '${path}'`);
      const splits = objectsIn(asObject(block["dataset_info"])["splits"]);
      expect(splits.find((of) => of["name"] === name)?.["num_examples"]).toBe(Number(counted?.["n"]));
    }
  });

  it("is made by a build where the task lists it, and made anew by nothing but a change of its inputs", async () => {
    append(project, "config/tasks/refusal.yaml", ["exports:", "  formats: [splits, csv]", "  seed: 3"]);
    const built = await runDsgen(project, ["build", "--json"]);
    expect(built.code).toBe(0);
    const states = jsonLines(built.stdout).flatMap(({ type, target, state }) =>
      type === "target" && JSON.stringify(state).includes('"built"') ? [target] : [],
    );
    expect(states).toEqual(["dataset.train.jsonl"]);
    const listed = await runDsgen(project, ["export"]);
    expect(listed.stdout.match(/as it was/g)).toHaveLength(4);
  });

  it("says once, where a build makes the folder for the hub, which keys the card lacks; nothing of one that nobody wants", async () => {
    const lacks = "exports says no creator, no url, no published: the card and Croissant's description lack it";
    const split = await runDsgen(project, ["export", "--to", "splits"]);
    edit(project, "config/tasks/refusal.yaml", "[splits, csv]", "[huggingface]\n  license: cc-by-4.0");
    const built = await runDsgen(project, ["build"]);
    const again = await runDsgen(project, ["build"]);
    expect([split.stderr, again.stderr].join("\n")).not.toContain("exports says no");
    expect([built.code, built.stderr]).toEqual([0, expect.stringContaining(`tasks/refusal.yaml: ${lacks}`)]);
    const csv = await runDsgen(project, ["export", "--to", "csv"]);
    expect(csv.stderr).not.toContain("exports says no");
  });

  it("says where and what is wrong", async () => {
    edit(project, "config/tasks/refusal.yaml", "  seed: 3", "  validation: 0.7\n  test: 0.6");
    const wrong = await runDsgen(project, ["export"]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/refusal\.yaml:\d+:\d+/);
    expect(wrong.stderr).toContain("at most 1 together; found 1.3");
    edit(project, "config/tasks/refusal.yaml", /exports:[\s\S]*$/, "");
    const none = await runDsgen(project, ["export"]);
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("Name one: --to parquet");
    expect(jsonObject(project.read("dataset.manifest.json"))["simulated"]).toBe(true);
  });
});
