import { lstatSync, readlinkSync } from "node:fs";
import { dirname, resolve, sep } from "node:path";

/** As many links as Linux follows before it says that they go round. */
const MOST_LINKS = 40;

/**
 * Where a file is to be written that may be a symbolic link: at the end of its links, which need not be there yet. Whoever
 * puts a link in an output's place wants the bytes elsewhere. A link into `cacheDir` is replaced instead: what lies there is
 * never written over.
 */
export function writtenThrough(path: string, cacheDir?: string): string {
  let at = path;
  try {
    for (let links = 0; links < MOST_LINKS; links++) {
      if (lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink() !== true) {
        return cacheDir !== undefined && `${at}${sep}`.startsWith(`${resolve(cacheDir)}${sep}`) ? path : at;
      }
      at = resolve(dirname(at), readlinkSync(at));
    }
  } catch {
    // What cannot be looked at cannot be written either, and the write says why.
    return at;
  }
  // They go round, so nothing can be at their end.
  return path;
}
