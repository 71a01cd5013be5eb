import { readSync, realpathSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";

/** A path as it is written on every machine: from `root`, with `/`. */
export function fromRoot(root: string, path: string): string {
  return relative(root, path).split(sep).join("/");
}

/** Where a file lies by its plain path from a folder: what `join` says, at once. */
export function pathIn(folder: string, path: string): string {
  return folder.endsWith("/") ? folder + path : `${folder}/${path}`;
}

/** Whether a path is this folder, or lies in it. */
export function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}

/** The real path, also of what is not there: its folder may be reached by a link. */
export function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    const folder = dirname(path);
    return folder === path ? path : join(realPath(folder), basename(path));
  }
}

/** Reads until the buffer is full or the file ends; answers what was read. */
export function fill(descriptor: number, buffer: Buffer): Buffer {
  let length = 0;
  for (let read = -1; read !== 0 && length < buffer.length; length += read) {
    read = readSync(descriptor, buffer, length, buffer.length - length, null);
  }
  return buffer.subarray(0, length);
}
