import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { err, ok } from "../graph/result.ts";
import { type Remote, type RemoteEntry, type RemoteFailure, type Reply, TRIAL } from "./remote.ts";

/**
 * A folder that several machines see: a network file system, a mounted disk. It must be there: in the place of a disk that
 * is not mounted there is an empty folder, or none. Who may read and write it may read and write all that is put below,
 * whatever the umask of the one who puts it.
 */
export function folderRemote(root: string, label = root): Remote {
  const at = (name: string): string => join(root, name);

  async function attempt<T>(work: () => Promise<T>): Reply<T> {
    try {
      if (!(await stat(root)).isDirectory()) return err(failure("ENOTDIR", root));
      return ok(await work());
    } catch (error) {
      return err(failure(codeOf(error), root));
    }
  }

  return {
    label,
    has: (name) => attempt(async () => (await ifThere(() => stat(at(name)))) !== undefined),
    get: (name) => attempt(() => ifThere(() => readFile(at(name)))),
    putIfAbsent: (name, bytes) =>
      attempt(async () => {
        if ((await ifThere(() => stat(at(name)))) !== undefined) return "there";
        const temporary = at(`v1/tmp/${randomBytes(12).toString("hex")}`);
        const { mode } = await stat(root);
        await folderLike(mode, dirname(temporary));
        await folderLike(mode, dirname(at(name)));
        try {
          await writeThrough(temporary, bytes);
          await allow(temporary, mode & 0o444);
          return await named(temporary, at(name));
        } finally {
          await rm(temporary, { force: true });
        }
      }),
    list: (folder) =>
      attempt(async () => {
        const entries = await ifThere(() => readdir(at(folder), { recursive: true, withFileTypes: true }));
        const files = (entries ?? []).filter((entry) => entry.isFile());
        return files.map((entry) => relative(root, join(entry.parentPath, entry.name))).sort();
      }),
    entries: (folder) =>
      attempt(async () => {
        const found = await ifThere(() => readdir(at(folder), { recursive: true, withFileTypes: true }));
        const entries: RemoteEntry[] = [];
        for (const entry of found ?? []) {
          const path = join(entry.parentPath, entry.name);
          const status = entry.isFile() ? await ifThere(() => stat(path)) : undefined;
          if (status !== undefined)
            entries.push({ name: relative(root, path), bytes: status.size, writtenAt: status.mtimeMs });
        }
        return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
      }),
    remove: (name) =>
      attempt(async () => {
        const there = (await ifThere(() => stat(at(name)))) !== undefined;
        await rm(at(name), { force: true });
        return there;
      }),
    excludes: () =>
      attempt(async () => {
        const trial = at(`v1/tmp/${randomBytes(12).toString("hex")}`);
        await folderLike((await stat(root)).mode, dirname(trial));
        try {
          await writeThrough(trial, TRIAL.content);
          return await linked(trial, `${trial}-2`);
        } finally {
          for (const path of [trial, `${trial}-2`]) await rm(path, { force: true });
        }
      }),
  };
}

/** Makes a folder, and those above it, with the mode of another. */
async function folderLike(mode: number, path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  for (let made = path; first !== undefined && made.length >= first.length; made = dirname(made))
    await allow(made, mode & 0o7777);
}

/** Some file systems keep no such thing, or let nobody change it. */
async function allow(path: string, mode: number): Promise<void> {
  try {
    await chmod(path, mode);
  } catch (error) {
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(codeOf(error))) throw error;
  }
}

async function writeThrough(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx", 0o444);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A link is made for one of two only, and with all of the content; some file systems have none, and there the last one stays. */
async function named(temporary: string, path: string): Promise<"put" | "there"> {
  try {
    if (!(await linked(temporary, path))) await rename(temporary, path);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return "there";
    throw error;
  }
  return "put";
}

/** False on a file system that has no hard links. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(codeOf(error))) throw error;
    return false;
  }
}

async function ifThere<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** The system's own word for what went wrong. Anything else is a bug, and thrown. */
function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  throw error;
}

function failure(code: string, root: string): RemoteFailure {
  if (code === "EACCES" || code === "EPERM" || code === "EROFS")
    return { kind: "denied", message: `${root} may not be written or read (${code})` };
  if (code === "ENOENT" || code === "ENOTDIR")
    return { kind: "gone", message: `there is no folder ${root}: it is not mounted, or not made yet` };
  return { kind: "gone", message: `the file system answered ${code}` };
}
