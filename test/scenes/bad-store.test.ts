import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  filesBelow,
  makeProject,
  type Provider,
  type Ran,
  type RunOptions,
  runDsgen,
  type SceneProject,
  startDsgen,
  startProvider,
} from "./support/project.ts";
import { executed, jsonLines } from "./support/shipped.ts";

/*
 * A cache or a disk that is not as it should be, and builds that meet. The task here has no tokenizer, so that each build
 * is quick; the provider's ledger says that nothing was paid for twice.
 */

let provider: Provider;
let project: SceneProject;
beforeEach(async () => {
  provider = await startProvider({ timing: "instant" });
  project = makeProject({ batches: 2, requestsPerBatch: 3 });
});
afterEach(async () => {
  await provider.remove();
  project.remove();
});

function dsgen(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return runDsgen(project, args, { url: provider.url, ...options });
}

async function build(): Promise<string> {
  const ran = await dsgen(["build", "--wait"]);
  expect(ran.stderr).not.toMatch(/^error/m);
  expect(ran.code).toBe(0);
  return project.read("dataset.jsonl");
}

function expectNoStack(ran: Ran): void {
  expect(ran.stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
  expect(ran.code).not.toBe(70);
}

describe("a damaged blob", () => {
  it("of the dataset is set aside and made again for free", async () => {
    const dataset = await build();
    spoil(blobHolding(Buffer.from(dataset)));
    rmSync(project.path("dataset.jsonl"));
    const ran = await dsgen(["build"]);
    expectNoStack(ran);
    expect(ran.code).toBe(0);
    expect(project.read("dataset.jsonl")).toBe(dataset);
    expect(readdirSync(project.path(".dsgen-cache", "v1", "quarantine"))).not.toEqual([]);
    expect(await executed(provider)).toBe(6);
  });

  it("is found by fsck, which ends with 1", async () => {
    const dataset = await build();
    expect((await dsgen(["fsck"])).code).toBe(0);
    spoil(blobHolding(Buffer.from(dataset)));
    const ran = await dsgen(["fsck"]);
    expectNoStack(ran);
    expect(ran.code).toBe(1);
  });
});

describe("a journal that is not whole", () => {
  it("torn at its end: the torn line is dropped, and nothing is asked twice", async () => {
    const dataset = await build();
    const journal = project.path(".dsgen-cache", "v1", "journal.jsonl");
    truncateSync(journal, statSync(journal).size - 7);
    for (const path of ["dataset.jsonl", "batch_outputs", "validated"]) rmSync(project.path(path), { recursive: true });
    const ran = await dsgen(["build", "--wait"]);
    expectNoStack(ran);
    expect(ran.code).toBe(0);
    expect(project.read("dataset.jsonl")).toBe(dataset);
    expect(await executed(provider)).toBe(6);
  });

  it("damaged in the middle: a warning, and nothing is asked twice", async () => {
    const dataset = await build();
    const journal = project.path(".dsgen-cache", "v1", "journal.jsonl");
    const lines = readFileSync(journal, "utf8").split("\n");
    lines[1] = (lines[1] ?? "").replace(/[0-9]/, "x");
    writeFileSync(journal, lines.join("\n"));
    for (const path of ["dataset.jsonl", "batch_outputs", "validated"]) rmSync(project.path(path), { recursive: true });
    const ran = await dsgen(["build", "--wait"]);
    expectNoStack(ran);
    expect(ran.stderr).toMatch(/warning: .*journal/);
    expect(ran.code).toBe(0);
    expect(project.read("dataset.jsonl")).toBe(dataset);
    expect(await executed(provider)).toBe(6);
  });
});

describe("two builds at once", () => {
  it("one waits, or says who holds the lock and ends with 9; each request is asked once", async () => {
    const both = await Promise.all([dsgen(["build", "--wait"]), dsgen(["build", "--wait"])]);
    for (const ran of both) expectNoStack(ran);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(await executed(provider)).toBe(6);
  });

  it("with --lock-timeout 0 the second ends with 9 and names the first", async () => {
    const slow = await startProvider({ timing: { validatingMs: 86_400_000 } });
    const first = startDsgen(project, ["build", "--wait"], { url: slow.url });
    try {
      await holdsLock();
      const second = await dsgen(["build", "--lock-timeout", "0"], { url: slow.url });
      expectNoStack(second);
      expect(second.code).toBe(9);
      expect(second.stderr).toContain(String(first.pid));
    } finally {
      const ended = new Promise((resolve) => first.once("close", resolve));
      first.kill("SIGKILL");
      await ended;
      await slow.remove();
    }
    const after = await dsgen(["plan"], { url: provider.url });
    expect(after.code).toBe(0);
  });
});

describe("a key that is refused", () => {
  it("is said once, for all batches, without the key; everything is kept, and the right key goes on", async () => {
    await provider.remove();
    provider = await startProvider({ timing: "instant", keys: { wrong: ["sk-wrong-0123456789abcdef"] } });
    const ran = await dsgen(["build", "--wait"], { key: "sk-wrong-0123456789abcdef" });
    expectNoStack(ran);
    expect(ran.code).toBe(1);
    expect(ran.stderr.match(/^error: /gm)).toHaveLength(1);
    expect(ran.stderr).toMatch(/OPENAI_API_KEY|key/);
    expect(ran.stdout + ran.stderr).not.toContain("0123456789");
    expect(jsonLines(project.read("requests/tiny/request_batch1.jsonl"))).toHaveLength(3);
    await build();
    expect(await executed(provider)).toBe(6);
  });
});

describe("places that cannot be written", () => {
  it("an output folder whose name is taken by a file: said, and done once the file is gone", async () => {
    writeFileSync(project.path("validated"), "mine\n");
    const ran = await dsgen(["build", "--wait"]);
    expectNoStack(ran);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/error: .*validated/);
    expect(project.read("validated")).toBe("mine\n");
    rmSync(project.path("validated"));
    await build();
    expect(await executed(provider)).toBe(6);
  });

  it("a cache folder whose name is taken by a file", async () => {
    writeFileSync(project.path(".dsgen-cache"), "mine\n");
    const ran = await dsgen(["build"]);
    expectNoStack(ran);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/\.dsgen-cache/);
  });

  it("a cache in a folder where outputs go is refused", async () => {
    for (const folder of ["validated", "Validated/", "requests/tiny"]) {
      const ran = await dsgen(["build", "--cache-dir", folder]);
      expect(ran.code, ran.stderr).toBe(2);
      expect(ran.stderr).toContain(
        "expected an output outside the cache; found it in the folder that --cache-dir names",
      );
    }
  });

  it("a folder of other things for --cache-dir is refused", async () => {
    mkdirSync(project.path("photos"));
    writeFileSync(project.path("photos", "cat.jpg"), "");
    const ran = await dsgen(["build", "--cache-dir", "photos"]);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/found cat\.jpg/);
    expect(readdirSync(project.path("photos"))).toEqual(["cat.jpg"]);
  });

  // Root may write anywhere; the errno is injected then, where a real folder's mode would give it.
  it("no permission, or a disk that is full: said, nothing half-written taken for whole, and then it goes on", async () => {
    const root = process.getuid?.() === 0;
    if (!root) {
      mkdirSync(project.path("validated"));
      chmodSync(project.path("validated"), 0o555);
      const denied = await dsgen(["build", "--wait"]);
      expectNoStack(denied);
      expect(denied.code).toBe(1);
      expect(denied.stderr).toMatch(/no permission/);
      chmodSync(project.path("validated"), 0o755);
    }
    for (const [errno, point] of [
      ["EACCES", "cas.restore.write"],
      ["ENOSPC", "cas.commit.rename"],
      ["ENOSPC", "journal.append.write"],
    ] as const) {
      rmSync(project.path(".dsgen-cache"), { recursive: true, force: true });
      rmSync(project.path("requests"), { recursive: true, force: true });
      const ran = await dsgen(["build", "--wait"], { fault: `${errno}@${point}#1` });
      expectNoStack(ran);
      expect([point, ran.code]).toEqual([point, 1]);
      expect(ran.stderr).toMatch(errno === "EACCES" ? /no permission/ : /disk is full/);
    }
    await build();
  });
});

describe("odd names and ways", () => {
  it("builds in a folder with spaces, quotes and other letters, and files with spaces", async () => {
    const config = project
      .read("config/tasks/tiny.yaml")
      .replace("output: dataset.jsonl", 'output: "out put/my dätaset (1).jsonl"');
    writeFileSync(project.path("config/tasks/tiny.yaml"), config);
    const ran = await dsgen(["build", "--wait", "out put/my dätaset (1).jsonl"]);
    expect(ran.code).toBe(0);
    expect(project.read("out put/my dätaset (1).manifest.json")).toContain('"file": "out put/my dätaset (1).jsonl"');
    const again = await dsgen(["build"]);
    expect(again.stdout).toContain("Everything is up to date");
  });

  it("names a target from a folder below, too", async () => {
    await build();
    const ran = await dsgen(["explain", "shard1.jsonl"], { cwd: project.path("validated", "tiny") });
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining("validated/tiny/shard1.jsonl: fresh") });
  });
});

/** The store's file that holds exactly these bytes. */
function blobHolding(content: Buffer): string {
  for (const blob of filesBelow(project.path(".dsgen-cache", "v1", "cas")))
    if (blob.content.equals(content)) return blob.path;
  throw new Error("no blob holds this");
}

function spoil(path: string): void {
  const content = readFileSync(path);
  content[Math.floor(content.length / 2)] = (content[Math.floor(content.length / 2)] ?? 0) ^ 1;
  chmodSync(path, 0o644);
  writeFileSync(path, content);
}

/** Resolves when somebody holds the cache's lock and has journaled that it submitted both batches. */
async function holdsLock(): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    try {
      const lines = readFileSync(join(project.path(".dsgen-cache", "v1"), "journal.jsonl"), "utf8").split("\n");
      if (lines.length > 2) return;
    } catch {
      // Not there yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the first build never got to work");
}

describe("an index and a journal that lost something", () => {
  const file = (pattern: RegExp) => {
    const found = [...filesBelow(project.path(".dsgen-cache"))].find(({ path }) => pattern.test(path));
    if (found === undefined) throw new Error(`no file ${pattern}`);
    return found;
  };

  it("are named by fsck, mended by fsck --repair, and whole after that", async () => {
    await build();
    rmSync(file(/responses\/[0-9a-f]+\.jsonl$/).path);
    const journal = file(/journal\.jsonl$/);
    const lines = journal.content.toString("utf8").split("\n");
    writeFileSync(journal.path, lines.map((line, at) => (at === 2 ? line.replace("{", "[") : line)).join("\n"));
    const found = await dsgen(["fsck"]);
    expect(found.code).toBe(1);
    expect(found.stdout).toMatch(
      /^response-missing: the index of openai:\S+ lacks \d+ answers that the stored files hold/m,
    );
    expect(found.stdout).toMatch(/^journal-damaged: \.dsgen-cache\/v1\/journal\.jsonl:3: /m);
    const repaired = await dsgen(["fsck", "--repair"]);
    expect([repaired.code, repaired.stdout]).toEqual([
      0,
      expect.stringMatching(/^\d+ findings repaired\.\nThe cache is whole\.\n$/),
    ]);
    expect(await dsgen(["fsck"])).toMatchObject({ code: 0, stdout: "The cache is whole.\n" });
    expect(readdirSync(project.path(".dsgen-cache/v1/quarantine")).join()).toMatch(/journal/);
    await build();
    expect(await executed(provider)).toBe(6);
  });

  it("are found again before anything is bought, and plan says so too", async () => {
    const dataset = await build();
    const index = file(/responses\/[0-9a-f]+\.jsonl$/).path;
    const recut = ["--set", "tiny.batches=3", "--set", "tiny.requests_per_batch=2"];
    rmSync(index);
    const plan = await dsgen(["plan", ...recut]);
    expect(plan.stderr).toMatch(/the index of answers had lost 6; they were found again/);
    expect(() => statSync(index)).toThrow();
    const again = await dsgen(["build", "--wait", ...recut]);
    expect(again.code).toBe(0);
    expect(project.read("dataset.jsonl")).toBe(dataset);
    expect(await executed(provider)).toBe(6);
    expect(statSync(index).size).toBeGreaterThan(0);
  });
});
