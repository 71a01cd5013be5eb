import { spawn } from "node:child_process";
import { basename } from "node:path";
import type { DsgenConfig } from "../config/project-config.ts";
import type { BuildEvent, Emit } from "../events/schema.ts";
import { wordsOf } from "../graph/problem.ts";
import { count, countOf } from "../report/format.ts";
import { jobStanding } from "../report/jobs.ts";

/** How long one message may take; a build waits for two at most when it ends. */
const LIMIT_MS = 10_000;
/** Names in one message; of more, it says how many. */
const MOST_NAMES = 20;

type JobEvent = Extract<BuildEvent, { type: "job" }>;
type Outcome = Extract<BuildEvent, { type: "build-finished" }>["outcome"];

/** What is told: to a URL as the body of a POST, to a command on its standard input. */
interface Message {
  readonly v: 1;
  readonly event: "jobs-ended" | "dataset-ready" | "failed";
  readonly project: string;
  readonly simulated: boolean;
  /** The same in a sentence. */
  readonly text: string;
  readonly jobs: readonly Pick<JobEvent, "requestFile" | "batchId" | "status" | "progress">[];
  readonly targets: readonly string[];
}

/**
 * Tells somebody who has left what a build has come to, as `notify` in dsgen.yaml says: batch jobs that ended, a dataset
 * that is ready, a failure. One message is under way at a time, and jobs that end meanwhile are told together. That a
 * message did not arrive is one warning, and nothing else: no build fails for it.
 */
export class Notifier {
  readonly #to: NonNullable<DsgenConfig["notify"]> | null;
  readonly #about: { readonly project: string; readonly simulated: boolean };
  readonly #env: NodeJS.ProcessEnv;
  readonly #emit: Emit;
  readonly #ended = new Set<string>();
  #waiting: JobEvent[] = [];
  #sending: Promise<void> | undefined;
  #warned = false;

  constructor(
    to: DsgenConfig["notify"],
    { root, simulated }: { readonly root: string; readonly simulated: boolean },
    env: NodeJS.ProcessEnv,
    emit: Emit,
  ) {
    this.#to = to;
    this.#about = { project: basename(root), simulated };
    this.#env = env;
    this.#emit = emit;
  }

  /** A job that is over is told once, whatever else becomes of it. */
  event(event: BuildEvent): void {
    if (this.#to === null || event.type !== "job" || jobStanding(event.status) === "waiting") return;
    if (this.#ended.has(event.jobId)) return;
    this.#ended.add(event.jobId);
    this.#waiting.push(event);
    this.#sending ??= this.#sendJobs();
  }

  /**
   * Tells the end of a build, where there is something to tell, and waits for what is under way, within a limit.
   * @param made the datasets that this build has made, and whether their manifests say that they are made up
   * @param failed the targets that failed or were refused
   */
  async finish(
    outcome: Outcome,
    made: readonly { readonly target: string; readonly simulated: boolean }[],
    failed: readonly string[],
  ): Promise<void> {
    if (this.#to === null || outcome === "interrupted") return;
    while (this.#sending !== undefined) await this.#sending;
    if (outcome === "failed" || outcome === "refused") {
      const what = failed.length === 1 ? (failed[0] ?? "") : countOf(failed.length, "target");
      await this.#send({ event: "failed", text: `${outcome}: ${what}`, targets: failed });
    } else if (outcome === "up-to-date" && made.length > 0) {
      const targets = made.map(({ target }) => target);
      const named = made.map(({ target, simulated }) => `${target}${simulated ? " (simulated)" : ""}`);
      const simulated = made.some((one) => one.simulated);
      await this.#send({ event: "dataset-ready", simulated, text: `ready: ${named.join(", ")}`, targets });
    }
  }

  async #sendJobs(): Promise<void> {
    // What ends in the same look is one message.
    await new Promise((resolve) => setImmediate(resolve));
    const jobs = this.#waiting;
    this.#waiting = [];
    const sum = (of: (job: JobEvent) => number) => count(jobs.reduce((total, job) => total + of(job), 0));
    const answered = `${sum((job) => job.progress.completed)}/${sum((job) => job.progress.total)} answered`;
    const statuses = [...new Set(jobs.map(({ status }) => status))].join(", ");
    const text = `${countOf(jobs.length, "batch job")} ended (${statuses}): ${answered}`;
    const told = jobs.map(({ requestFile, batchId, status, progress }) => ({ requestFile, batchId, status, progress }));
    await this.#send({ event: "jobs-ended", text, jobs: told });
    this.#sending = this.#waiting.length > 0 ? this.#sendJobs() : undefined;
  }

  async #send(of: Pick<Message, "event" | "text"> & Partial<Message>): Promise<void> {
    const { text, jobs = [], targets = [] } = of;
    const named = { jobs: jobs.slice(0, MOST_NAMES), targets: targets.slice(0, MOST_NAMES) };
    const message: Message = { v: 1, ...this.#about, ...of, ...named, text: `${this.#about.project}: ${text}` };
    const why = await (typeof this.#to === "string"
      ? post(this.#to, message)
      : run(this.#to ?? [], message, this.#env));
    if (why === undefined || this.#warned) return;
    this.#warned = true;
    // An address of this kind is often a secret itself: it is not shown.
    const whom = typeof this.#to === "string" ? "the address" : `the command ${this.#to?.[0] ?? ""}`;
    const notice = `${whom} that notify names in config/dsgen.yaml was not told: ${why}. The build goes on.`;
    this.#emit({ type: "notice", level: "warning", code: "notify", message: notice });
  }
}

/** Why a message did not arrive, or undefined. */
async function post(url: string, message: Message): Promise<string | undefined> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(message),
      redirect: "manual",
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    await response.body?.cancel();
    return response.ok ? undefined : `it answered ${response.status}`;
  } catch (error) {
    if (error instanceof Error && error.name === "TimeoutError") return `it did not answer in ${LIMIT_MS / 1000} s`;
    // What fetch says itself may quote the address.
    const cause: unknown = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "no connection";
    return `it cannot be reached (${code})`;
  }
}

/** Variables that no command needs for a message. */
const SECRET = /^(OPENAI_|HF_TOKEN$|HUGGING_FACE_HUB_TOKEN$|AWS_)|(_KEY|_TOKEN|_SECRET|PASSWORD)$/i;

/** Runs the command, `{text}` in its arguments being the sentence. @returns why it failed, or undefined */
function run(words: readonly string[], message: Message, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const [name = "", ...rest] = words.map((word) => word.replaceAll("{text}", message.text));
  const open = Object.fromEntries(Object.entries(env).filter(([variable]) => !SECRET.test(variable)));
  return new Promise((resolve) => {
    try {
      const child = spawn(name, rest, { env: open, stdio: ["pipe", "ignore", "ignore"] });
      const late = setTimeout(() => {
        child.kill("SIGKILL");
        resolve(`it did not end in ${LIMIT_MS / 1000} s`);
      }, LIMIT_MS);
      const over = (why: string | undefined) => {
        clearTimeout(late);
        resolve(why);
      };
      child.on("error", (error) => over(wordsOf(error)));
      child.on("exit", (code, signal) =>
        over(code === 0 ? undefined : `it ended with ${code ?? signal ?? "an error"}`),
      );
      // A command that does not read what it is told is no failure.
      child.stdin.on("error", () => undefined);
      child.stdin.end(`${JSON.stringify(message)}\n`);
    } catch (error) {
      resolve(wordsOf(error));
    }
  });
}
