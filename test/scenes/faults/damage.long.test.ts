import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, request as forward } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inParallel } from "../support/crash.ts";
import { figuresOf } from "../support/figures.ts";
import { filesBelow, KEY, makeProject, type Provider, type SceneProject, startProvider } from "../support/project.ts";
import { datasetOf } from "../support/provider-scene.ts";
import { startWarm, type Warm } from "../support/warm.ts";

/*
 * The damage matrix: every file that is found in a cache at three moments, damaged in eight ways, one at a time; then the
 * requests are cut differently and built against a server that charges. The folder itself is listed, so a new kind of file
 * is covered on the day it appears. What must hold: nothing is paid for twice, no paid answer is lost, and either the
 * dataset has the same bytes or dsgen stops before it spends, with a message.
 */

const SHAPE = { batches: 1, requestsPerBatch: 4, scenariosPerRequest: 2 };
const RECUT = ["--set", "tiny.batches=2", "--set", "tiny.requests_per_batch=2"];

type Damage =
  | "deleted"
  | "emptied"
  | "halved"
  | "bit flipped"
  | "last line doubled"
  | "yesterday's"
  | "a folder"
  | "a link";
const DAMAGES: readonly Damage[] = [
  "deleted",
  "emptied",
  "halved",
  "bit flipped",
  "last line doubled",
  "yesterday's",
  "a folder",
  "a link",
];

interface Moment {
  readonly name: string;
  readonly project: string;
  readonly provider: string;
  readonly files: readonly string[];
}

/** One address for every case's provider, told apart by the key: answers belong to an address, and keys come and go. */
const upstreams = new Map<string, string>();
const front = createServer((request, response) => {
  const key = (request.headers.authorization ?? "").replace("Bearer ", "");
  const to = request.pipe(
    forward(`${upstreams.get(key)}${request.url}`, { method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    }),
  );
  to.on("error", () => response.destroy());
  request.on("error", () => to.destroy());
});
let url: string;

let warms: readonly Warm[];
let dataset: string;
let folder: string;
const moments: Moment[] = [];

/** A project that lies somewhere, as the scenes know one. */
function projectAt(root: string): SceneProject {
  return {
    root,
    path: (...parts) => join(root, ...parts),
    read: (path) => readFileSync(join(root, path), "utf8"),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Keeps the project and the provider as they are now. */
function keep(name: string, project: SceneProject, provider: Provider): void {
  const kept = { project: join(folder, name, "project"), provider: join(folder, name, "provider") };
  cpSync(project.root, kept.project, { recursive: true });
  cpSync(provider.stateDir, kept.provider, { recursive: true });
  const files = [...filesBelow(join(kept.project, ".dsgen-cache"))].map(({ path }) => relative(kept.project, path));
  moments.push({ name, ...kept, files: files.sort() });
}

beforeAll(async () => {
  warms = [startWarm(), startWarm()];
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  const address = front.address();
  url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  const [warm] = warms as [Warm, Warm];
  folder = realpathSync(mkdtempSync(join(tmpdir(), "dsgen-damage-")));
  dataset = await datasetOf(warm, { ...SHAPE, batches: 2, requestsPerBatch: 2 });
  const project = makeProject(SHAPE);
  // Nothing ends before it is told to: the clock of this provider stands still until it is moved.
  let ahead = 0;
  const provider = await startProvider({
    now: () => Date.now() + ahead,
    timing: { validatingMs: 3_600_000, perRequestMs: 0, finalizingMs: 0, staggerMs: 0, answerMs: 0 },
  });
  upstreams.set(KEY, provider.url);
  try {
    expect((await warm.run(project, ["build"], { url })).code).toBe(75);
    keep("a job in flight", project, provider);
    ahead = 2 * 3_600_000;
    const outputs = ["build", "--wait", "batch_outputs/tiny/output_batch0.jsonl"];
    expect((await warm.run(project, outputs, { url })).code).toBe(0);
    keep("answers collected", project, provider);
    expect((await warm.run(project, ["build", "--wait"], { url })).code).toBe(0);
    keep("dataset built", project, provider);
  } finally {
    project.remove();
    await provider.remove();
  }
});
afterAll(() => {
  front.close();
  for (const warm of warms) warm.close();
  rmSync(folder, { recursive: true, force: true });
});

/** False when this damage does not exist for this file. */
function inflict(damage: Damage, path: string, yesterday: string | undefined): boolean {
  const bytes = readFileSync(path);
  const put = (content: Uint8Array) => {
    rmSync(path, { force: true });
    writeFileSync(path, content);
    return true;
  };
  switch (damage) {
    case "deleted":
      rmSync(path);
      return true;
    case "emptied":
      return bytes.length > 0 && put(Buffer.alloc(0));
    case "halved":
      return bytes.length > 1 && put(bytes.subarray(0, bytes.length >> 1));
    case "bit flipped": {
      if (bytes.length === 0) return false;
      const flipped = Buffer.from(bytes);
      const at = flipped.length >> 1;
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      return put(flipped);
    }
    case "last line doubled": {
      const start = bytes.lastIndexOf(10, bytes.length - 2) + 1;
      return bytes.length > 0 && put(Buffer.concat([bytes, bytes.subarray(start)]));
    }
    case "yesterday's":
      if (yesterday === undefined || !existsSync(yesterday) || readFileSync(yesterday).equals(bytes)) return false;
      return put(readFileSync(yesterday));
    case "a folder":
      rmSync(path);
      mkdirSync(path);
      return true;
    case "a link": {
      const elsewhere = join(dirname(path), `${damage}-elsewhere`);
      rmSync(path);
      writeFileSync(elsewhere, bytes);
      symlinkSync(elsewhere, path);
      return true;
    }
  }
}

interface Case {
  readonly moment: Moment;
  readonly yesterday: Moment | undefined;
  readonly file: string;
  readonly damage: Damage;
}

/** Undefined when all is well; else what went wrong. */
async function outcomeOf(
  { moment, yesterday, file, damage }: Case,
  warm: Warm,
): Promise<string | undefined | "no such damage"> {
  const place = realpathSync(mkdtempSync(join(folder, "case-")));
  const project = projectAt(join(place, "project"));
  const key = `sk-${place.slice(-6)}-of-one-case`;
  let provider: Provider | undefined;
  // Whatever goes wrong is this case's outcome: the other cases are looked at all the same.
  try {
    cpSync(moment.project, project.root, { recursive: true });
    const before = yesterday === undefined ? undefined : join(yesterday.project, file);
    if (!inflict(damage, project.path(file), before)) return "no such damage";
    cpSync(moment.provider, join(place, "provider"), { recursive: true });
    provider = await startProvider({
      stateDir: join(place, "provider"),
      timing: { validatingMs: 0, perRequestMs: 0, finalizingMs: 0, staggerMs: 0, answerMs: 0 },
      now: () => Date.now() + 2 * 3_600_000,
    });
    upstreams.set(key, provider.url);
    const ends: string[] = [];
    let code: number | null = null;
    for (let tries = 0; tries < 2 && code !== 0; tries++) {
      const ran = await warm.run(project, ["build", "--wait", "--poll", "0.03", ...RECUT], { url, key });
      code = ran.code;
      ends.push(
        `${ran.code}: ${ran.stderr
          .split("\n")
          .filter((line) => /error|→|warning/.test(line))
          .join(" | ")}`,
      );
    }
    const figures = figuresOf(project, await provider.finalLedger(), dataset);
    const stopped = code === 1 || code === 2;
    const well =
      figures.repeated === 0 &&
      (code === 0 ? figures.identical && figures.lost === 0 : stopped && /error:/.test(ends.at(-1) ?? ""));
    return well ? undefined : `${JSON.stringify(figures)} ${ends.join(" || ")}`;
  } catch (error) {
    return error instanceof Error ? `${error.stack}` : String(error);
  } finally {
    await provider?.close();
    rmSync(place, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

test("whatever file of the cache is damaged, nothing is paid for twice and no answer is lost", async () => {
  const cases: Case[] = moments.flatMap((moment, at) =>
    moment.files.flatMap((file) => DAMAGES.map((damage) => ({ moment, yesterday: moments[at - 1], file, damage }))),
  );
  expect(moments.map(({ files }) => files.some((file) => file.endsWith("journal.jsonl")))).toEqual([true, true, true]);
  const [one, two] = warms as [Warm, Warm];
  let turn = 0;
  const outcomes = await inParallel(cases, 4, async (each) => ({
    each,
    what: await outcomeOf(each, turn++ % 2 === 0 ? one : two),
  }));
  const inflicted = outcomes.filter(({ what }) => what !== "no such damage");
  const wrong = inflicted.filter(({ what }) => what !== undefined);
  process.stderr.write(`damage matrix: ${inflicted.length} cases, ${wrong.length} wrong\n`);
  expect(wrong.map(({ each, what }) => `${each.moment.name}: ${each.file} ${each.damage}: ${what}`)).toEqual([]);
  expect(inflicted.length).toBeGreaterThan(200);
}, 1_800_000);
