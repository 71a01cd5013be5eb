import { closeSync, mkdirSync, openSync, readFileSync, readlinkSync, readSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ArrayId } from "./array.ts";

/*
 * An array's folder on the shared file system: the script, and what tasks leave there: a claim, where each ran, how it ended,
 * its log. All of it can be made again, or only helps to tell why something failed.
 *
 *   job.sh     what sbatch is given
 *   claim      a link to the id of the job that has this array: one that was submitted twice does its work once
 *   7.node     where task 7 ran last
 *   7.exit     with which code its worker ended
 *   7.log      what it printed
 */

export function folderOf(root: string, id: ArrayId): string {
  return join(root, "arrays", id);
}

/** @param worker the command that makes a part of a descriptor file, but for the part's number */
export function writeFolder(root: string, id: ArrayId, worker: readonly string[]): void {
  const folder = folderOf(root, id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(scriptOf(root, id), script(folder, id, worker), { mode: 0o755 });
}

export function scriptOf(root: string, id: ArrayId): string {
  return join(folderOf(root, id), "job.sh");
}

export function logOf(root: string, id: ArrayId, task: number): string {
  return join(folderOf(root, id), `${task}.log`);
}

/** For any POSIX shell. A folder that cannot be entered ends the task at once: the node has not mounted it. */
function script(folder: string, id: ArrayId, worker: readonly string[]): string {
  return `#!/bin/sh
# A job array of dsgen: ${id}
cd ${quoted(folder)} || exit 1
ln -s "$SLURM_ARRAY_JOB_ID" claim 2>/dev/null
if [ "$(readlink claim)" != "$SLURM_ARRAY_JOB_ID" ]; then
  echo "dsgen: job $(readlink claim) has this array; nothing is to be done by job $SLURM_ARRAY_JOB_ID"
  exit 0
fi
n=$SLURM_ARRAY_TASK_ID
rm -f "$n.exit"
echo "$SLURMD_NODENAME" > "$n.node"
${worker.map(quoted).join(" ")} "$n"
code=$?
echo "$code" > "$n.exit"
exit "$code"
`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** The job that has an array, once one of its tasks has begun anywhere. */
export function claimOf(root: string, id: ArrayId): string | undefined {
  try {
    const job = readlinkSync(join(folderOf(root, id), "claim"));
    return /^\d+$/.test(job) ? job : undefined;
  } catch {
    return undefined;
  }
}

/** What a task left of itself, where squeue has forgotten it. */
export function leftBy(
  root: string,
  id: ArrayId,
  task: number,
): { readonly node: string | null; readonly code: number | null } {
  const read = (name: string) => {
    try {
      return readFileSync(join(folderOf(root, id), `${task}.${name}`), "utf8").trim();
    } catch {
      return "";
    }
  };
  const code = read("exit");
  return { node: read("node") || null, code: /^\d+$/.test(code) ? Number(code) : null };
}

const TAIL = 8192;

/** The end of a task's log; empty when there is none. */
export function tailOfLog(root: string, id: ArrayId, task: number): string {
  try {
    const file = openSync(logOf(root, id, task), "r");
    try {
      const { size } = statSync(logOf(root, id, task));
      const bytes = Buffer.alloc(Math.min(size, TAIL));
      return bytes.toString("utf8", 0, readSync(file, bytes, 0, bytes.length, Math.max(0, size - TAIL)));
    } finally {
      closeSync(file);
    }
  } catch {
    return "";
  }
}
