import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeProject, runDsgen, type SceneProject, startProvider } from "./support/project.ts";

/* What the environment says beside the key: that nobody looks (CI), and that a proxy is there. */

let project: SceneProject;
beforeEach(() => {
  project = makeProject({ batches: 1, dsgen: ["simulator: { speed: 1000 }"] });
});
afterEach(() => project.remove());
const run = (CI: string, ...args: string[]) => runDsgen(project, args, { env: { CI } });

it("says once that a proxy is not used", async () => {
  const provider = await startProvider({ timing: "instant" });
  try {
    const env = { HTTP_PROXY: "http://user:hunter2@127.0.0.1:9" };
    const ran = await runDsgen(project, ["build", "--wait"], { url: provider.url, env });
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stderr.match(/HTTP_PROXY is set and is not used/g)).toHaveLength(1);
    expect(ran.stderr).not.toContain("hunter2");
    // What calls nobody says nothing of it: a build with nothing to do, and every other command.
    for (const args of [["build", "--wait"], ["plan"], ["status"], ["explain", "dataset.jsonl"], ["cost"]]) {
      const quiet = await runDsgen(project, args, { url: provider.url, env });
      expect([args, quiet.code, quiet.stderr.includes("PROXY")]).toEqual([args, 0, false]);
    }
  } finally {
    await provider.remove();
  }
});

describe("without a key", () => {
  it.each([["build", "--wait"], ["plan"]])("%s ends with 2 where CI is set, and says what to do", async (...args) => {
    const ran = await run("true", ...args);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("--provider simulator");
    expect(existsSync(project.path("requests"))).toBe(false);
  });

  it("builds where the simulator is asked for, by option or in the configuration", async () => {
    expect((await run("true", "build", "--wait", "--provider", "simulator")).code).toBe(0);
    expect((await run("1", "build", "--wait", "--set", "dsgen.provider=simulator")).code).toBe(0);
    // What needs no answers needs no asking.
    expect((await run("true", "status")).code).toBe(0);
    expect((await run("true", "clean")).code).toBe(0);
  });

  it.each(["", "0", "false", "FALSE"])("builds with CI=%j, which is no CI", async (CI) => {
    expect((await run(CI, "build", "--wait")).code).toBe(0);
  });
});
