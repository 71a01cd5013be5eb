import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Child {
  readonly pid: number;
  readonly ended: Promise<ChildEnd>;
}

/** Starts a TypeScript fixture as a process of its own, with a fault to meet if one is given. */
export function startChild(fixture: string, args: readonly string[], fault?: string): Child {
  const path = fileURLToPath(new URL(`./fixtures/${fixture}`, import.meta.url));
  const { NODE_EXTRA_CA_CERTS: _slow, NODE_OPTIONS: _options, DSGEN_FAULT: _fault, ...rest } = process.env;
  const env = fault === undefined ? rest : { ...rest, DSGEN_FAULT: fault };
  const child = spawn(process.execPath, ["--import", "jiti/register", path, ...args], { env });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<ChildEnd>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  if (child.pid === undefined) throw new Error(`could not start ${fixture}`);
  return { pid: child.pid, ended };
}
