import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { Problem } from "../graph/problem.ts";
import { unreachable } from "../graph/result.ts";
import type { EncoderSpec } from "./encoder.ts";
import type { FromJudge, Portion, ToJudge } from "./judge-worker.ts";
import type { PairVerdict } from "./pair-rule.ts";

/*
 * Worker threads that hold loaded tokenizers. Loading takes a second or two and a few hundred MB a thread, so threads
 * outlive the judge that started them: the next shard finds them ready. Idle threads do not keep the process alive, and go
 * after a while.
 */

/** A share in the threads. */
export interface ThreadLease {
  /** Resolves once every thread has loaded its tokenizers, with the problem if one could not. */
  ready(): Promise<Problem | undefined>;
  judge(portion: Portion): Promise<readonly PairVerdict[]>;
  release(): void;
}

/** One portion in work and one waiting keep a thread busy; more would only pile up in its mailbox. */
const IN_FLIGHT = 2;
const IDLE_MS = 30_000;

const pools = new Map<string, Pool>();

/** Threads for these tokenizers: those already there, and new ones up to `count`. */
export function acquireThreads(specs: readonly EncoderSpec[], count: number): ThreadLease {
  const key = JSON.stringify(specs.map((spec) => [spec.name, spec.folder, spec.hash]));
  const known = pools.get(key);
  const pool: Pool =
    known ??
    new Pool(specs, () => {
      // A pool that ends late must not make its successor forgotten.
      if (pools.get(key) === pool) pools.delete(key);
    });
  if (known === undefined) pools.set(key, pool);
  pool.acquire(count);
  let released = false;
  return {
    ready: () => pool.ready(),
    judge: (portion) => pool.judge(portion),
    release: () => {
      if (!released) pool.release();
      released = true;
    },
  };
}

interface Job {
  readonly portion: Portion;
  readonly resolve: (verdicts: readonly PairVerdict[]) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
  readonly ready: Promise<Problem | undefined>;
}

class Pool {
  readonly #specs: readonly EncoderSpec[];
  readonly #forget: () => void;
  readonly #threads: Thread[] = [];
  readonly #queue: Job[] = [];
  #leases = 0;
  #nextId = 0;
  #broken: Error | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(specs: readonly EncoderSpec[], forget: () => void) {
    this.#specs = specs;
    this.#forget = forget;
  }

  acquire(count: number): void {
    this.#leases++;
    clearTimeout(this.#idle);
    while (this.#threads.length < count) this.#threads.push(this.#start());
    for (const thread of this.#threads) thread.worker.ref();
  }

  release(): void {
    this.#leases--;
    if (this.#leases > 0) return;
    for (const thread of this.#threads) thread.worker.unref();
    this.#idle = setTimeout(() => this.#end(), IDLE_MS);
    this.#idle.unref();
  }

  async ready(): Promise<Problem | undefined> {
    const problems = await Promise.all(this.#threads.map((thread) => thread.ready));
    const problem = problems.find((found) => found !== undefined);
    // What cannot be loaded is not kept: the files may be mended before the next try.
    if (problem !== undefined) this.#end();
    return problem;
  }

  judge(portion: Portion): Promise<readonly PairVerdict[]> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) {
        reject(this.#broken);
        return;
      }
      this.#queue.push({ portion, resolve, reject });
      this.#hand();
    });
  }

  #hand(): void {
    while (this.#queue.length > 0) {
      const free = this.#threads.reduce((a, b) => (b.jobs.size < a.jobs.size ? b : a));
      if (free.jobs.size >= IN_FLIGHT) return;
      const job = this.#queue.shift();
      if (job === undefined) return;
      const id = this.#nextId++;
      free.jobs.set(id, job);
      const message: ToJudge = { id, portion: job.portion };
      free.worker.postMessage(message);
    }
  }

  #start(): Thread {
    const worker = startWorker(this.#specs);
    const jobs = new Map<number, Job>();
    const ready = new Promise<Problem | undefined>((resolve, reject) => {
      worker.on("message", (message: FromJudge) => {
        switch (message.kind) {
          case "ready":
            resolve(undefined);
            return;
          case "not-ready":
            resolve(message.problem);
            return;
          case "judged":
            jobs.get(message.id)?.resolve(message.verdicts);
            jobs.delete(message.id);
            this.#hand();
            return;
          default:
            unreachable(message);
        }
      });
      // A thread dies of its own exception or of memory. No verdict may silently go missing: everything waiting fails.
      const died = (error: Error) => {
        reject(error);
        this.#break(error);
      };
      worker.on("error", died);
      worker.on("exit", () => died(new Error("a tokenizer thread ended unexpectedly")));
    });
    ready.catch(() => undefined); // whoever awaits ready() or a verdict gets the error; a bare start must not crash the process
    return { worker, jobs, ready };
  }

  #break(error: Error): void {
    this.#broken ??= error;
    this.#forget();
    for (const thread of this.#threads) {
      for (const job of thread.jobs.values()) job.reject(error);
      thread.jobs.clear();
    }
    for (const job of this.#queue.splice(0)) job.reject(error);
  }

  #end(): void {
    this.#forget();
    for (const thread of this.#threads) void thread.worker.terminate();
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
