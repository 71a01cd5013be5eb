import { appendFileSync, lstatSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/*
 * Files that are given to a project. What is there is never changed, but for lines that are added at the end of a file of which
 * others write the rest; and those are added once.
 */

export interface Given {
  /** From the project root. */
  readonly file: string;
  readonly text: string;
  /** `new`: the whole file. `block`: lines between two marks, in a file that may be there. `lines`: each unless it is there. */
  readonly as: "new" | "block" | "lines";
  /** Opens a file that is made only to hold a block. */
  readonly heading?: string;
  /** What in a file of others the block would contradict. */
  readonly clash?: RegExp;
}

export interface Put {
  readonly file: string;
  readonly action: "made" | "added" | "left";
  /** Why it was left. */
  readonly why: string | null;
}

/**
 * Puts one file down.
 * @throws what the file system throws; the file is then as it was
 */
export function putFile(root: string, given: Given): Put {
  const { file, text, heading = "", clash } = given;
  const path = join(root, file);
  const left = (why: string): Put => ({ file, action: "left", why });
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    mkdirSync(dirname(path), { recursive: true });
    writeWhole(path, given.as === "block" ? heading + blockOf(file, text) : text);
    return { file, action: "made", why: null };
  }
  if (given.as === "new") return left("it is there already");
  if (!found.isFile()) return left("it is no plain file");
  const before = readFileSync(path, "utf8");
  const lines = before.split(/\r?\n/);
  let more = "";
  if (given.as === "lines") {
    more = text
      .split("\n")
      .filter((line) => line !== "" && !lines.includes(line))
      .map((line) => `${line}\n`)
      .join("");
    if (more === "") return left("it has these lines already");
  } else {
    if (lines.includes(marksOf(file).first)) return left("it has dsgen's part already");
    const taken = clash?.exec(before)?.[0];
    if (taken !== undefined) return left(`it has a line "${taken.trim()}" of its own`);
    more = (before === "" ? "" : "\n") + blockOf(file, text);
  }
  if (before !== "" && !before.endsWith("\n")) more = `\n${more}`;
  append(path, before.includes("\r\n") ? more.replaceAll("\n", "\r\n") : more, found.size);
  return { file, action: "added", why: null };
}

function blockOf(file: string, text: string): string {
  const { first, last } = marksOf(file);
  return `${first}\n${text}${last}\n`;
}

function marksOf(file: string) {
  const [open, close] = file.endsWith(".md") ? ["<!-- ", " -->"] : ["# ", ""];
  return { first: `${open}dsgen: begin${close}`, last: `${open}dsgen: end${close}` };
}

/** A file that nobody else made meanwhile; half of one would be taken for a whole one the next time. */
function writeWhole(path: string, text: string): void {
  writeFileSync(path, "", { flag: "wx" });
  try {
    writeFileSync(path, text);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}

function append(path: string, text: string, size: number): void {
  try {
    appendFileSync(path, text);
  } catch (error) {
    truncateSync(path, size);
    throw error;
  }
}
