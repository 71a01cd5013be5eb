import { existsSync, mkdtempSync, rmdirSync, statfsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { providerProblem } from "../batch/provider-problem.ts";
import { findProject } from "../config/config-files.ts";
import { readConfig } from "../config/read-config.ts";
import { problemOfSystem } from "../engine/blocked-path.ts";
import { ProblemError } from "../graph/problem.ts";
import { doctorText } from "../report/doctor.ts";
import type { DoctorLine } from "../report/doctor-schema.ts";
import { age, count, countOf } from "../report/format.ts";
import { storePaths } from "../store/layout.ts";
import { heldLock } from "../store/lock.ts";
import { isNetworkDisk } from "../store/lock-holder.ts";
import { openStore } from "../store/store.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { fault, git, looked, ok, PATIENCE_MS, type Patient, skipped, wrong } from "./doctor-finding.ts";
import { tasksLines } from "./doctor-project.ts";
import { shared } from "./doctor-shared.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { unknownTask } from "./goals.ts";
import { chooseProvider, knownNamespaces, type ProviderChoice, unaskedInCi } from "./provider-choice.ts";
import { ignoredProxyNotice, leastNode } from "./surroundings.ts";

/** Clocks that differ by less tell the same; a `Date` header has whole seconds, and an answer takes some. */
const CLOCK_MS = 60_000;
/** Below this a build soon stops in the middle: the answers of some batches are as large. */
const LEAST_FREE_BYTES = 500e6;
const KEY = "OPENAI_API_KEY";
const NO_MEMORY = { get: () => undefined, put: () => undefined };

/**
 * `dsgen doctor`: what would stop or mislead a build, one line each, with what to do. Takes no lock and changes nothing in the
 * project; asks the provider once, for a list, and only with a key. What one line meets keeps no other from being told.
 */
export const doctor = command({
  name: "doctor",
  about: "check this machine, the provider and the project; say what to mend",
  examples: [["dsgen doctor", "before the first build, or when one does not do what it should"]],
  takes: {},
  helpEnd: "\nEnds with 1 when something is wrong.\n",
  run: runDoctor,
});

async function runDoctor(context: CommandContext): Promise<ExitCode> {
  const { io, common, signal } = context;
  const found = findProject(io.cwd, common.configDir);
  const root = found.ok ? found.value.root : io.cwd;
  const configDir = found.ok ? found.value.configDir : join(root, "config");
  const read = found.ok
    ? await readConfig({ root, configDir, sets: common.set }, NO_MEMORY)
    : { settings: undefined, whole: undefined, taskNames: [], problems: [found.error] };
  const unknown = found.ok ? unknownTask(common.task, read.taskNames) : undefined;
  if (unknown !== undefined) return context.refuse([unknown]);
  const cacheDir = resolve(io.cwd, common.cacheDir ?? join(root, ".dsgen-cache"));
  const patient: Patient = { context, root, cacheDir, read };
  const lines = [
    ...(await looked("node", () => [node(process.versions.node)])),
    ...config(patient),
    ...(await looked("disk", () => disk(patient))),
    ...(await looked("cache", () => cache(patient))),
    ...(await looked("sharing", () => shared(patient))),
    ...(await looked("lock", () => [lock(cacheDir)])),
    ...(await looked("key", () => provider(patient))),
    ...(await tasksLines(patient)),
  ];
  if (signal.aborted) return EXIT.interrupted;
  context.result(
    () => doctorText(lines, context.style),
    () => lines,
  );
  return lines.some(({ state }) => state === "wrong") ? EXIT.failed : EXIT.upToDate;
}

/** @param version Node's, as `20.19.0` */
export function node(version: string): DoctorLine {
  const least = leastNode();
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor = 0, leastMinor = 0] = least.split(".").map(Number);
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return ok("node", version);
  return fault("node", `dsgen needs Node ${least} or later; this is ${version}.`, "Install a later Node.");
}

function config({ read }: Patient): readonly DoctorLine[] {
  if (read.problems.length > 0) return read.problems.map((problem) => wrong("config", problem));
  return [ok("config", `read whole, with ${countOf(read.taskNames.length, "task")}`)];
}

/** Free space, and that a file can be made, where the targets and the cache go. */
function disk({ root, cacheDir }: Patient): readonly DoctorLine[] {
  return [...new Set([root, existing(cacheDir)])].map((folder) => {
    try {
      rmdirSync(mkdtempSync(join(folder, ".dsgen-doctor-")));
      const { bavail, bsize } = statfsSync(folder);
      return space(folder, bavail * bsize);
    } catch (error) {
      // Each folder by its name: one of them may be well.
      const problem = problemOfSystem(error, folder);
      if (problem === undefined) throw error;
      return wrong("disk", problem);
    }
  });
}

export function space(folder: string, free: number): DoctorLine {
  const said = `${count(Math.floor(free / 1e6))} MB free in ${folder}`;
  if (free >= LEAST_FREE_BYTES) return ok("disk", `${said}, which can be written to`);
  return fault("disk", `${said}.`, `Free some space: ${LEAST_FREE_BYTES / 1e6} MB are little for a build.`);
}

function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path));
}

async function cache({ root, cacheDir }: Patient): Promise<readonly DoctorLine[]> {
  const opened = openStore({ cacheDir, projectRoot: root });
  if (!opened.ok) return [wrong("cache", opened.error)];
  opened.value.journal.records();
  const lines = opened.value.warnings.map((message) => fault("cache", message, "Run dsgen fsck."));
  opened.value.close();
  if (isNetworkDisk(existing(cacheDir)))
    lines.push(
      fault(
        "cache",
        `${cacheDir} lies on a network file system: whether a holder of its lock still lives cannot be seen from another machine.`,
        "Name a folder on a disk of this machine with --cache-dir.",
      ),
    );
  // With the slash a pattern for folders matches one that is not there yet. Outside of a repository: 128.
  if ((await git(root, "check-ignore", "--quiet", `${cacheDir}/`))?.code === 1)
    lines.push(fault("cache", `git does not ignore ${cacheDir}.`, `Add ${relative(root, cacheDir)}/ to .gitignore.`));
  return lines.length > 0 ? lines : [ok("cache", existsSync(cacheDir) ? cacheDir : `${cacheDir}, not made yet`)];
}

function lock(cacheDir: string): DoctorLine {
  const held = heldLock(cacheDir);
  return held === undefined ? ok("lock", "nobody holds it") : wrong("lock", held);
}

/** The key, who answers, and the clock: of one look at the provider, which is not taken without a key. */
async function provider(patient: Patient): Promise<readonly DoctorLine[]> {
  const { context, root, cacheDir, read } = patient;
  const { common, io } = context;
  const unasked = (key: DoctorLine, why: string) => [
    key,
    skipped("provider", `not asked: ${why}`),
    skipped("clock", "only the provider's time is another one to compare it with"),
  ];
  const isSet = (io.env[KEY] ?? "").trim() !== "";
  const set = isSet ? ok("key", `${KEY} is set`) : skipped("key", `${KEY} is not set`);
  if (read.settings === undefined) return unasked(set, "who answers is in the config, which is to be mended first");
  const { dsgen } = read.settings;
  const store = openStore({ cacheDir, projectRoot: root });
  const inputs = {
    asked: common.provider ?? dsgen.provider,
    config: dsgen,
    env: io.env,
    stateDir: join(storePaths(cacheDir, root).version, "simulator"),
    known: store.ok ? knownNamespaces(store.value) : [],
    realWithoutKey: false,
  };
  let choice: ProviderChoice;
  try {
    const chosen = await chooseProvider(inputs);
    if (!chosen.ok) return unasked(wrong("key", chosen.error), "there is no key");
    choice = chosen.value;
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return unasked(wrong("key", error.problem), "its settings are to be mended first");
  }
  const { provider: api, label, whySimulated } = choice;
  if (api.simulated) {
    const unsaid = unaskedInCi(whySimulated, io.env);
    const key = unsaid === undefined ? ok("key", "none is needed") : wrong("key", unsaid);
    return unasked(key, `the simulator answers, since ${whySimulated}`);
  }
  if (!isSet)
    return unasked(fault("key", `${KEY} is not set, and this project has real answers.`, "Set it."), "there is no key");
  const asked = await patiently(context.signal, (signal) => api.listBatches({ limit: 1 }, signal));
  const clock = clockLine(api.serverNow());
  if (asked.ok) return [set, ok("provider", `${label} answers`), clock];
  if (asked.error.kind === "auth")
    return [wrong("key", providerProblem(asked.error, KEY, "list batches")), ok("provider", `${label} answers`), clock];
  const problem = providerProblem(asked.error, label, "list batches");
  const silent = `no answer within ${PATIENCE_MS / 1000} s.`;
  const told = asked.error.kind === "aborted" ? { ...problem, message: silent } : problem;
  const proxy = ignoredProxyNotice(io.env);
  const fix = proxy?.type === "notice" ? proxy.message : "Check the network and OPENAI_BASE_URL.";
  const mended = ["aborted", "ambiguous", "unreachable"].includes(asked.error.kind) ? { ...told, fix } : told;
  return [set, wrong("provider", mended), clock];
}

/** A timer of our own: with Node 20 the signal of `AbortSignal.timeout` below an `AbortSignal.any` was seen never to abort. */
async function patiently<T>(interrupted: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, PATIENCE_MS);
  interrupted.addEventListener("abort", abort, { once: true });
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    interrupted.removeEventListener("abort", abort);
  }
}

function clockLine(theirs: number | null): DoctorLine {
  if (theirs === null) return skipped("clock", "the provider told no time");
  const off = Date.now() - theirs;
  if (Math.abs(off) < CLOCK_MS) return ok("clock", "as the provider's");
  const message = `it is ${age(Math.abs(off))} ${off > 0 ? "ahead of" : "behind"} the provider's: ages of jobs are told by it.`;
  return fault("clock", message, "Set it; best by time synchronisation (NTP).");
}
