import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { type Problem, ProblemError } from "../graph/problem.ts";
import type { EncoderSpec } from "./encoder.ts";
import type { FromJudge, ToJudge } from "./judge-worker.ts";
import type { PairVerdict } from "./pair-rule.ts";
import type { Portion } from "./portion.ts";

/*
 * Worker threads that hold loaded tokenizers. Loading may take a second or two and a few hundred MB a thread, so threads
 * outlive the judge that started them: the next shard finds them ready. Idle threads do not keep the process alive, and go
 * after a while. Not a library's pool: that has no way to hear from each thread whether its tokenizers could be loaded, and
 * starts a thread that died anew where nothing may go missing.
 */

/** One portion in work and one waiting keep a thread busy; more would only pile up in its mailbox. */
const IN_FLIGHT = 2;
const IDLE_MS = 30_000;
const NOTHING: Portion = { variants: [], maxCharacters: 0, pairs: [] };

const pools = new Map<string, Threads>();

/** Threads for these tokenizers: those already there, and new ones up to `count`. To be released once. */
export function threadsFor(specs: readonly EncoderSpec[], count: number): Threads {
  const key = JSON.stringify(specs.map((spec) => [spec.name, spec.folder, spec.hash]));
  const threads: Threads = pools.get(key) ?? new Threads(specs, key);
  pools.set(key, threads);
  threads.acquire(count);
  return threads;
}

interface Job {
  readonly portion: Portion;
  readonly resolve: (judged: FromJudge["judged"]) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
}

class Threads {
  readonly #specs: readonly EncoderSpec[];
  readonly #key: string;
  readonly #threads: Thread[] = [];
  readonly #queue: Job[] = [];
  #users = 0;
  #nextId = 0;
  #broken: Error | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(specs: readonly EncoderSpec[], key: string) {
    this.#specs = specs;
    this.#key = key;
  }

  acquire(count: number): void {
    this.#users++;
    clearTimeout(this.#idle);
    while (this.#threads.length < count) this.#threads.push(this.#start());
    for (const { worker } of this.#threads) worker.ref();
  }

  release(): void {
    this.#users--;
    if (this.#users > 0) return;
    for (const { worker } of this.#threads) worker.unref();
    this.#idle = setTimeout(() => this.#end(), IDLE_MS).unref();
  }

  /** Resolves once every thread has loaded its tokenizers, with the problem if one could not. */
  async ready(): Promise<Problem | undefined> {
    const answers = this.#threads.map((thread) => this.#ask(NOTHING, (job) => this.#give(thread, job)));
    const failed = (await Promise.all(answers)).find((judged) => !judged.ok);
    if (failed === undefined || failed.ok) return undefined;
    // What cannot be loaded is not kept: the files may be mended before the next try.
    this.#end();
    return failed.error;
  }

  async judge(portion: Portion): Promise<readonly PairVerdict[]> {
    const judged = await this.#ask(portion, (job) => {
      this.#queue.push(job);
      this.#hand();
    });
    if (!judged.ok) throw new ProblemError(judged.error);
    return judged.value;
  }

  #ask(portion: Portion, place: (job: Job) => void): Promise<FromJudge["judged"]> {
    return new Promise((resolve, reject) => {
      if (this.#broken === undefined) place({ portion, resolve, reject });
      else reject(this.#broken);
    });
  }

  #hand(): void {
    for (let job = this.#queue[0]; job !== undefined; job = this.#queue[0]) {
      const free = this.#threads.reduce((a, b) => (b.jobs.size < a.jobs.size ? b : a));
      if (free.jobs.size >= IN_FLIGHT) return;
      this.#queue.shift();
      this.#give(free, job);
    }
  }

  #give({ worker, jobs }: Thread, job: Job): void {
    const id = this.#nextId++;
    jobs.set(id, job);
    worker.postMessage({ id, portion: job.portion } satisfies ToJudge);
  }

  #start(): Thread {
    const worker = startWorker(this.#specs);
    const jobs = new Map<number, Job>();
    worker.on("message", ({ id, judged }: FromJudge) => {
      jobs.get(id)?.resolve(judged);
      jobs.delete(id);
      this.#hand();
    });
    // A thread dies of its own exception or of memory. No verdict may silently go missing: everything waiting fails.
    worker.on("error", (error: Error) => this.#break(error));
    worker.on("exit", () => this.#break(new Error("a tokenizer thread ended unexpectedly")));
    return { worker, jobs };
  }

  #break(error: Error): void {
    this.#broken ??= error;
    this.#forget();
    const waiting = this.#threads.flatMap(({ jobs }) => [...jobs.values()]).concat(this.#queue.splice(0));
    for (const { jobs } of this.#threads) jobs.clear();
    for (const job of waiting) job.reject(error);
  }

  #end(): void {
    this.#forget();
    for (const { worker } of this.#threads) void worker.terminate();
  }

  /** Threads that end late must not make their successors forgotten. */
  #forget(): void {
    if (pools.get(this.#key) === this) pools.delete(this.#key);
  }
}

/** From compiled code the worker is the module beside this one; from source it is compiled on the fly. */
function startWorker(specs: readonly EncoderSpec[]): Worker {
  if (!import.meta.url.endsWith(".ts")) {
    return new Worker(new URL("./judge-worker.js", import.meta.url), { workerData: { specs } });
  }
  const module = new URL("./judge-worker.ts", import.meta.url).href;
  const jiti = createRequire(import.meta.url).resolve("jiti");
  const code = `require(${JSON.stringify(jiti)}).createJiti(${JSON.stringify(module)}).import(${JSON.stringify(module)})`;
  return new Worker(code, { eval: true, workerData: { specs } });
}
