import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { documented, environment, type Ran, type RunOptions, type SceneProject } from "./project.ts";

/** dsgen in a process of its own that stays: the same command line as `runDsgen`, without starting Node for each. */
export interface Warm {
  run(project: SceneProject, args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** The most memory it has taken so far; 0 where the system does not tell. */
  peakMb(): number;
  close(): void;
}

/** Starts the process; it loads dsgen while the caller does something else. */
export function startWarm(): Warm {
  const env = environment({});
  const child = fork(fileURLToPath(new URL("./warm-process.mjs", import.meta.url)), [], { env, execArgv: [] });
  const waiting = new Map<number, { resolve: (ran: Ran) => void; reject: (error: Error) => void }>();
  let next = 0;
  const ready = new Promise<void>((resolve, reject) => {
    child.once("message", () => resolve());
    child.once("exit", () => reject(new Error("the warm process ended before it was ready")));
  });
  child.on("message", (message: { id?: number } & Omit<Ran, "signal">) => {
    if (message.id === undefined) return;
    waiting.get(message.id)?.resolve({ ...message, signal: null });
    waiting.delete(message.id);
  });
  child.on("exit", () => {
    for (const { reject } of waiting.values()) reject(new Error("the warm process ended in the middle of a run"));
  });
  return {
    async run(project, args, options = {}) {
      await ready;
      if (!child.connected) throw new Error("the warm process has ended");
      const id = next++;
      const done = new Promise<Ran>((resolve, reject) => waiting.set(id, { resolve, reject }));
      child.send({ id, args, cwd: options.cwd ?? project.root, env: environment(options) });
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        const name = `dsgen ${args.join(" ")} in ${project.root}`;
        timer = setTimeout(() => reject(new Error(`${name} did not end`)), options.deadlineMs ?? 60_000);
      });
      const ran = await Promise.race([done, late]).finally(() => clearTimeout(timer));
      return args.includes("--json") ? documented(ran, `dsgen ${args.join(" ")}`) : ran;
    },
    peakMb() {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
        return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
      } catch {
        return 0;
      }
    },
    close: () => child.disconnect(),
  };
}
