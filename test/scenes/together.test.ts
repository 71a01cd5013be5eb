import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { serveFiles, TOKEN } from "../remote/support/servers.ts";
import { filesBelow, makeProject, type Ran, type RunOptions, runDsgen, type SceneProject } from "./support/project.ts";
import { edit } from "./support/shipped.ts";
import { startPayingProvider } from "./support/sold.ts";

/* Two clones of one project that share a cache: what one of them asks, the other waits for. */

const SHAPE = { batches: 2, requestsPerBatch: 3, scenariosPerRequest: 2 };
const LONG = process.env["DSGEN_LONG_TESTS"] === "1";
const BUILD = ["build", "--wait", "--poll", "0.05"];
/** A batch takes a second: two that begin together are under way together. */
const TIMING = { validatingMs: 100, perRequestMs: 150, finalizingMs: 50, staggerMs: 0 };

let provider: Awaited<ReturnType<typeof startPayingProvider>>;
let shared: string;
const projects: SceneProject[] = [];

beforeEach(async () => {
  provider = await startPayingProvider({ timing: TIMING });
  shared = realpathSync(mkdtempSync(join(tmpdir(), "dsgen-together-")));
});

afterEach(async () => {
  for (const project of projects.splice(0)) project.remove();
  rmSync(shared, { recursive: true, force: true });
  await provider.remove();
});

/** Another provider and an empty shared cache, for what is tried several times. */
async function anew(): Promise<void> {
  await provider.remove();
  provider = await startPayingProvider({ timing: TIMING });
  rmSync(shared, { recursive: true });
  mkdirSync(shared);
}

interface Clone {
  readonly project: SceneProject;
  run(args: readonly string[], options?: RunOptions): Promise<Ran>;
}

/** Clones that trust each other's keys. */
async function clones(count: number): Promise<readonly Clone[]> {
  const made = await Promise.all(
    Array.from({ length: count }, async () => {
      const project = makeProject({ ...SHAPE, model: ["encoding: o200k_base"], dsgen: remoteLines([]) });
      projects.push(project);
      const home = project.path("home");
      mkdirSync(home);
      const run: Clone["run"] = (args, options = {}) =>
        runDsgen(project, args, {
          url: provider.url,
          ...options,
          env: { HOME: home, XDG_CONFIG_HOME: join(home, "config"), ...options.env },
        });
      const key = await run(["remote", "keygen"]);
      return { project, run, word: /ed25519:\S+/.exec(key.stdout)?.[0] ?? "" };
    }),
  );
  const words = made.map(({ word }) => word);
  for (const { project } of made) {
    const file = project.path("config/dsgen.yaml");
    writeFileSync(file, readFileSync(file, "utf8").replace("trust: []", `trust: ${JSON.stringify(words)}`));
  }
  return made;
}

const remoteLines = (words: readonly string[]) => [
  "remote:",
  "  project: together",
  "  share: answers",
  "  timeout_seconds: 10",
  `  trust: ${JSON.stringify(words)}`,
  `  caches: [{ at: ${JSON.stringify(shared)}, access: read-write }]`,
];

/** Charges beyond the first of each request, and how many were charged at all. */
async function paid() {
  const charges = await provider.charges();
  return { requests: charges.size, repeated: [...charges.values()].reduce((sum, times) => sum + times - 1, 0) };
}

function sameDataset([first, ...others]: readonly Clone[]): void {
  const made = first?.project.read("dataset.jsonl");
  expect(made).toContain('"scenario_id"');
  for (const { project } of others) expect(project.read("dataset.jsonl")).toBe(made);
}

describe("two clones", () => {
  const TIMES = LONG ? 50 : 4;
  it(`that start together pay once, ${TIMES} times out of ${TIMES}`, async () => {
    for (let time = 0; time < TIMES; time++) {
      const both = await clones(2);
      const ran = await Promise.all(both.map((clone) => clone.run(BUILD)));
      expect(ran.map(({ code, stderr }) => [code, code === 0 ? "" : stderr])).toEqual([
        [0, ""],
        [0, ""],
      ]);
      sameDataset(both);
      expect(await paid()).toEqual({ requests: 6, repeated: 0 });
      await anew();
    }
  }, 600_000);

  it("whose jobs have some requests in common pay once for each, in whatever order they begin", async () => {
    for (let time = 0; time < (LONG ? 10 : 3); time++) {
      const [small, large] = await clones(2);
      if (small === undefined || large === undefined) throw new Error("no clones");
      // One file of six, where the other has two of three; and none where nothing is in common.
      const whole = ["--set", "tiny.batches=1", "--set", "tiny.requests_per_batch=6"];
      const ran = await Promise.all([small.run(BUILD), large.run([...BUILD, ...whole])]);
      expect(ran.map(({ code, stderr }) => [code, stderr])).toEqual([
        [0, expect.anything()],
        [0, expect.anything()],
      ]);
      expect(await paid()).toEqual({ requests: 6, repeated: 0 });
      await anew();
    }
  }, 300_000);

  it("that ask in real time pay once too", async () => {
    const both = await clones(2);
    const ran = await Promise.all(both.map((clone) => clone.run([...BUILD, "--realtime"])));
    expect(ran.map(({ code }) => code)).toEqual([0, 0]);
    sameDataset(both);
    // A call has no name: six calls for six requests.
    expect([...(await provider.charges()).values()]).toEqual([6]);
  });

  it("of which one sent and went away: the other, on the same account, collects its batches", async () => {
    const [first, second] = await clones(2);
    if (first === undefined || second === undefined) throw new Error("no clones");
    expect((await first.run(["build"])).code).toBe(75);
    const planned = await second.run(["plan", "--json"]);
    expect(planned.stdout).toContain('"requests":0');
    expect(planned.stdout).toContain("asked by a colleague");
    const built = await second.run(BUILD);
    expect([built.code, built.stderr]).toEqual([
      0,
      expect.stringContaining("has already asked some of its requests in batch"),
    ]);
    // It pays for nothing, and neither does who sent it.
    expect((await first.run(BUILD)).code).toBe(0);
    sameDataset([first, second]);
    expect(await paid()).toEqual({ requests: 6, repeated: 0 });
  });

  it("of which one died before it had sent: the other waits until a person says otherwise", async () => {
    const [first, second] = await clones(2);
    if (first === undefined || second === undefined) throw new Error("no clones");
    expect((await first.run(["build"], { fault: "kill@batch.upload.before#1" })).signal).toBe("SIGKILL");
    const held = await second.run(["build"]);
    expect([held.code, held.stderr]).toEqual([
      75,
      expect.stringMatching(/to buy them again would cost about \$[\d.]+/),
    ]);
    // The one whose claim it is goes on where it was; or the other is told to.
    const bought = await second.run([...BUILD, "--buy-again"]);
    expect([bought.code, bought.stderr]).toEqual([0, expect.anything()]);
    expect((await first.run(BUILD)).code).toBe(0);
    sameDataset([first, second]);
    expect(await paid()).toEqual({ requests: 6, repeated: 0 });
  });

  it.each(["flight.claim.before", "flight.claim.after", "batch.create.after", "flight.over.before"])(
    "of which one is killed at %s: it goes on, and the other gets what it paid for",
    async (point) => {
      const [first, second] = await clones(2);
      if (first === undefined || second === undefined) throw new Error("no clones");
      expect((await first.run(BUILD, { fault: `kill@${point}#1` })).signal).toBe("SIGKILL");
      const ran = await Promise.all([first.run(BUILD), second.run(BUILD)]);
      expect(ran.map(({ code, stderr }) => [code, stderr])).toEqual([
        [0, expect.anything()],
        [0, expect.anything()],
      ]);
      sameDataset([first, second]);
      expect(await paid()).toEqual({ requests: 6, repeated: 0 });
    },
  );

  it("on two accounts: the second says who asks, and buys nothing before it is told to", async () => {
    const [first, second] = await clones(2);
    if (first === undefined || second === undefined) throw new Error("no clones");
    const other = { env: { OPENAI_ORG_ID: "org-second" } };
    expect((await first.run(["build"])).code).toBe(75);
    const refused = await second.run(["build"], other);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain("dsgen import --from-namespace openai:");
    expect(refused.stderr).toMatch(/would cost about \$[\d.]+ \(--buy-again\)/);
    expect((await second.run(["plan"], other)).stdout).toContain("--buy-again");
    expect((await first.run(BUILD)).code).toBe(0);
    expect(await paid()).toEqual({ requests: 6, repeated: 0 });
    // Their answers are shared by now, and taken over by a person's word.
    const again = await second.run(["build"], other);
    expect([again.code, again.stderr]).toEqual([3, expect.stringContaining("and shares the answers")]);
    const namespace = /--from-namespace (\S+);/.exec(again.stderr)?.[1] ?? "";
    expect((await second.run(["import", "--from-namespace", namespace], other)).code).toBe(0);
    expect((await second.run(["build"], other)).code).toBe(0);
    expect(await paid()).toEqual({ requests: 6, repeated: 0 });
  });

  it("say what they ask in digests, and leave no name, path or key behind", async () => {
    const [first] = await clones(1);
    expect((await first?.run(BUILD))?.code).toBe(0);
    const lines = [...filesBelow(shared)].filter(({ path }) => path.includes("/flight/"));
    expect(lines.length).toBeGreaterThanOrEqual(6);
    for (const { path, content } of lines)
      for (const secret of [first?.project.root ?? "?", tmpdir(), "tiny", "PRIVATE"])
        expect(content.includes(secret), `${secret} in ${path}`).toBe(false);
  });

  it("are told when the shared cache fails, and build all the same", async () => {
    const [first] = await clones(1);
    rmSync(shared, { recursive: true });
    const built = await first?.run(BUILD);
    expect(built?.code).toBe(0);
    expect(built?.stderr.match(/warning: the shared cache/g)).toHaveLength(1);
  });

  it("are told before anything is sent that a server which overwrites keeps nobody apart", async () => {
    for (const heeds of [true, false]) {
      const server = await serveFiles(heeds);
      try {
        const [first] = await clones(1);
        if (first === undefined) throw new Error("no clone");
        edit(first.project, "config/dsgen.yaml", JSON.stringify(shared), JSON.stringify(`${server.url}/lab`));
        const built = await first.run(["build"], { env: { DSGEN_REMOTE_TOKEN: TOKEN } });
        expect(built.code).toBe(75);
        const [told, sent] = ["two who send at the same moment are not kept apart", ": submitted"].map((words) =>
          built.stderr.indexOf(words),
        );
        expect(sent).toBeGreaterThan(0);
        if (heeds) expect(told).toBe(-1);
        else expect(told).toBeGreaterThan(0);
        expect(told).toBeLessThan(sent ?? 0);
      } finally {
        await server.close();
        await anew();
      }
    }
  });

  it("of which one runs in CI for a pull request: it writes nothing there", async () => {
    const [first] = await clones(1);
    const env = { CI: "true", GITHUB_EVENT_NAME: "pull_request" };
    expect((await first?.run(BUILD, { env }))?.code).toBe(0);
    expect([...filesBelow(shared)]).toEqual([]);
  });
});
