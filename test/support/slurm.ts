import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

/*
 * A real Slurm for the tests: one slurmctld and two slurmd (two nodes of this machine) on loopback, without accounting,
 * cgroups or munge, with all that they keep in a temporary folder. They stay in the foreground, as children of the test,
 * and are ended by their ids.
 */

const PROGRAMS = ["/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/bin/sbatch"];

/** Whether this machine has a Slurm to start. */
export const SLURM = PROGRAMS.every((path) => existsSync(path));
/** What a suite is called: that it was left out, and how to get it, is read there. */
export const SLURM_NAMED = SLURM ? "Slurm" : "Slurm (skipped: apt-get install --no-install-recommends slurm-wlm)";

/** A scheduler that shares its processors with other tests may be later than any bound: what fails is tried once more. */
export const ONCE_MORE = { retry: 1 };

export interface TestSlurm {
  /** SLURM_CONF, and nothing else of this process's Slurm surroundings. */
  readonly env: Readonly<Record<string, string>>;
  /** A folder that goes with it. */
  readonly folder: string;
  /** Runs one of Slurm's own commands; what it printed. */
  run(program: string, ...args: readonly string[]): string;
  stopController(): Promise<void>;
  startController(): Promise<void>;
  stopNode(name: "n1" | "n2"): Promise<void>;
  startNode(name: "n1" | "n2"): Promise<void>;
  stop(): Promise<void>;
}

export interface SlurmShape {
  /** Lines of slurm.conf; they go before the quick defaults. */
  readonly conf?: readonly string[];
}

const BOUND_MS = 20_000;

export async function startSlurm({ conf = [] }: SlurmShape = {}): Promise<TestSlurm> {
  const folder = mkdtempSync(join(tmpdir(), "dsgen-slurm-"));
  const [controller, n1, n2] = await freePorts();
  for (const part of ["state", "spool", "log"]) mkdirSync(join(folder, part));
  const file = join(folder, "slurm.conf");
  const user = userInfo().username;
  const node = (name: string, port: number | undefined) =>
    `NodeName=${name} NodeAddr=127.0.0.1 NodeHostname=localhost Port=${port} CPUs=4 RealMemory=4000 Gres=gpu:1`;
  const lines = [
    "ClusterName=dsgentest",
    "SlurmctldHost=localhost(127.0.0.1)",
    `SlurmctldPort=${controller}`,
    `SlurmUser=${user}`,
    `SlurmdUser=${user}`,
    "AuthType=auth/none",
    "CredType=cred/none",
    `StateSaveLocation=${folder}/state`,
    `SlurmdSpoolDir=${folder}/spool/%n`,
    `SlurmctldPidFile=${folder}/slurmctld.pid`,
    `SlurmdPidFile=${folder}/%n.pid`,
    // Without cgroups: what a container has none of.
    "ProctrackType=proctrack/linuxproc",
    "TaskPlugin=task/none",
    "SelectType=select/cons_tres",
    "SelectTypeParameters=CR_CPU_Memory",
    // A GPU in name: what asks for one is put where there is one.
    "GresTypes=gpu",
    "SwitchType=switch/none",
    "MpiDefault=none",
    "AccountingStorageType=accounting_storage/none",
    "JobCompType=jobcomp/none",
    "JobAcctGatherType=jobacct_gather/linux",
    "JobAcctGatherFrequency=1",
    "JobAcctGatherParams=OverMemoryKill",
    "PreemptType=preempt/partition_prio",
    "PreemptMode=REQUEUE",
    "ReturnToService=2",
    // Nodes of four processors each, whatever this machine has.
    "SlurmdParameters=config_overrides",
    "JobRequeue=1",
    "KillWait=2",
    ...(conf.some((line) => line.startsWith("MinJobAge=")) ? [] : ["MinJobAge=300"]),
    "SlurmdTimeout=10",
    "DefMemPerCPU=200",
    "SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=10000,batch_sched_delay=0",
    ...conf,
    node("n1", n1),
    node("n2", n2),
    "PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE",
    "PartitionName=urgent Nodes=n1,n2 MaxTime=INFINITE State=UP PriorityTier=10",
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  writeFileSync(join(folder, "gres.conf"), "NodeName=n1,n2 Name=gpu File=/dev/null\n");
  const env = { SLURM_CONF: file };
  const running = new Map<string, ChildProcess>();

  const run = (program: string, ...args: readonly string[]): string =>
    execFileSync(program, args, {
      env: { ...process.env, ...env },
      encoding: "utf8",
      timeout: BOUND_MS,
      stdio: "pipe",
    });

  function begin(name: string, program: string, args: readonly string[]): void {
    const log = openSync(join(folder, "log", name), "a");
    // A PATH and a HOME, nothing else: what a task sees of this process must have come by way of sbatch.
    const child = spawn(program, ["-D", "-f", file, ...args], {
      env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
      stdio: ["ignore", log, log],
    });
    running.set(name, child);
  }

  async function end(name: string): Promise<void> {
    const child = running.get(name);
    running.delete(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGTERM");
    const hard = setTimeout(() => child.kill("SIGKILL"), 5000);
    await gone;
    clearTimeout(hard);
  }

  const slurm: TestSlurm = {
    env,
    folder,
    run,
    stopController: () => end("slurmctld"),
    startController: async () => {
      begin("slurmctld", "/usr/sbin/slurmctld", []);
      await until(() => /is UP/.test(run("scontrol", "ping")), "slurmctld");
    },
    stopNode: (name) => end(name),
    startNode: async (name) => {
      begin(name, "/usr/sbin/slurmd", ["-N", name]);
      await until(() => /idle|mix|alloc/.test(run("sinfo", "-h", "-p", "main", "-n", name, "-o", "%T")), name);
    },
    stop: async () => {
      try {
        run("scancel", "--user", user);
        await until(() => run("squeue", "-h") === "", "the jobs' end");
      } catch {
        // A controller that a test has stopped: its jobs go with their nodes.
      }
      for (const name of ["n1", "n2", "slurmctld"]) await end(name);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await slurm.startController();
    await Promise.all([slurm.startNode("n1"), slurm.startNode("n2")]);
  } catch (error) {
    await slurm.stop();
    throw error;
  }
  return slurm;
}

/** Waits until something is so, for as long as a crowded machine may take. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, boundMs = 60_000): Promise<void> {
  const end = performance.now() + boundMs;
  for (;;) {
    try {
      if (await holds()) return;
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    if (performance.now() > end) throw new Error(`waited ${boundMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Three ports that nobody listens on, above those that need a privilege. */
async function freePorts(): Promise<number[]> {
  const servers = [createServer(), createServer(), createServer()];
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => {
            const address = server.address();
            resolve(typeof address === "object" && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
