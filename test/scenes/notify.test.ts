import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, expect, it } from "vitest";
import { KEY, makeProject, runDsgen, type SceneProject, startProvider } from "./support/project.ts";

/* Who is told, as `notify` says, over loopback and by a command. */

const projects: SceneProject[] = [];
afterAll(() => {
  for (const project of projects) project.remove();
});

function projectWith(notify: string): SceneProject {
  const project = makeProject({ batches: 2, dsgen: [`notify: ${notify}`] });
  projects.push(project);
  return project;
}

/** A listener on loopback that keeps what it is sent, and answers with a status. */
async function listener(status: number) {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      bodies.push(`${JSON.stringify(request.headers)}\n${body}`);
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const messages = () => bodies.map((text) => JSON.parse(text.split("\n")[1] ?? ""));
  return { url: `http://127.0.0.1:${port}/hook-5e12`, bodies, messages, close: () => server.close() };
}

it("posts each job's end once and that the dataset is ready, without a key; a build with nothing to do tells nobody", async () => {
  const provider = await startProvider();
  const hook = await listener(200);
  const project = projectWith(hook.url);
  expect((await runDsgen(project, ["build", "--wait"], { url: provider.url })).code).toBe(0);
  const told = hook.messages();
  expect(told.at(-1)).toMatchObject({ v: 1, event: "dataset-ready", targets: ["dataset.jsonl"], simulated: true });
  expect(told.at(-1).text).toMatch(/: ready: dataset\.jsonl \(simulated\)$/);
  const jobs = told.flatMap((message) => message.jobs.map(({ requestFile }: { requestFile: string }) => requestFile));
  expect(jobs.sort()).toEqual([0, 1].map((i) => `requests/tiny/request_batch${i}.jsonl`));
  expect(hook.bodies.join("")).not.toContain(KEY);
  expect((await runDsgen(project, ["build"], { url: provider.url })).code).toBe(0);
  expect(hook.messages()).toHaveLength(told.length);
  hook.close();
  await provider.remove();
});

it("tells of a failure; and an address that does not want to know is one warning that does not show it", async () => {
  const provider = await startProvider();
  const hook = await listener(500);
  const project = projectWith(hook.url);
  const ran = await runDsgen(project, ["build", "--wait"], { url: provider.url });
  expect(ran.code).toBe(0);
  expect(hook.bodies.length).toBeGreaterThan(1);
  expect(ran.stderr.match(/was not told/g)).toHaveLength(1);
  expect(ran.stderr).toContain("it answered 500");
  expect(ran.stderr).not.toContain("hook-5e12");
  const refused = await runDsgen(project, ["build", "--max-cost", "0", "--set", "tiny.role=Other."], {
    url: provider.url,
  });
  expect(refused.code).toBe(3);
  expect(hook.messages().at(-1)).toMatchObject({ event: "failed", text: expect.stringContaining("refused: ") });
  hook.close();
  await provider.remove();
});

it("runs a command with the sentence in its arguments and the message on its input, and without the key", async () => {
  const provider = await startProvider();
  const project = projectWith('[node, told.mjs, "{text}"]');
  const script = `import { appendFileSync, readFileSync } from "node:fs";
    appendFileSync("told.txt", [process.argv[2], process.env.OPENAI_API_KEY ?? "no key", readFileSync(0, "utf8")].join("|"));`;
  writeFileSync(project.path("told.mjs"), script);
  const ran = await runDsgen(project, ["build", "--wait"], { url: provider.url });
  expect([ran.code, ran.stderr]).toEqual([0, expect.not.stringContaining("warning")]);
  const told = readFileSync(project.path("told.txt"), "utf8").trim().split("\n");
  expect(told[0]).toMatch(/^dsgen-scene-\S+: [12] batch jobs? ended \(\w+\): .*\|no key\|\{"v":1,/);
  expect(told.at(-1)).toMatch(/: ready: dataset\.jsonl \(simulated\)\|no key\|/);
  const absent = await runDsgen(
    project,
    ["build", "--wait", "--set", "tiny.role=O.", "--set", "dsgen.notify=[nobody-is-called-so]"],
    {
      url: provider.url,
    },
  );
  expect(absent.code).toBe(0);
  expect(absent.stderr).toMatch(/the command nobody-is-called-so .* was not told: .*ENOENT/);
  await provider.remove();
});

it("refuses what is neither a list nor an address, and says which", async () => {
  const ran = await runDsgen(projectWith("ftp://127.0.0.1/x"), ["build"]);
  expect(ran.code).toBe(2);
  expect(ran.stderr).toMatch(/dsgen\.yaml:\d+:\d+.*notify/s);
});
