/*
 * What files hold, where their signatures tell nothing any more: all have other times after `touch`, a checkout and back,
 * or a copy. Beside a snapshot (`fresh.js`) lies a digest for each file and listing that it names: of the content that the
 * build went by, and only where it was told nothing of the file but what it holds. Loaded when a signature is another.
 *
 * The file: a line of JSON that says which snapshot it is of; a digest of 32 bytes for each of its rows, zeros where none is
 * known; and the SHA-256 of all before.
 */
"use strict";
const crypto = require("node:crypto");
const fs = require("node:fs");

/** `fresh.js`, handed over by itself: of two that need each other one must load the other. */
let fresh;

/** Another layout is another number. */
const FORMAT = 1;
const WIDTH = 32;
/**
 * Bytes that are read before anything is said: half a second of them, or two where the disk is slow. What is more is left
 * to the build, which shows how far it is.
 */
const MOST_COMPARED = 512 << 20;
/** Bytes of which a digest is made for a snapshot, beside those that the build has made: a tenth of a second. */
const MOST_HASHED = 64 << 20;
const CHUNK = 1 << 20;
let chunk;

/** Size, mtime, ctime, inode, mode: as `columnsOf` in fresh.js has them. */
const [SIZE, MTIME, CTIME, MODE] = [0, 1, 2, 4];

/**
 * What is known of the content behind a snapshot, to be asked row by row, as those with another signature are met.
 * @returns undefined where nothing is known
 */
function contentOf(file, { paths, numbers, front, sum }) {
  const digests = readDigests(file + fresh.CONTENT, paths.length, sum);
  if (digests === undefined) return undefined;
  const renewed = Float64Array.from(numbers);
  const rows = [];
  return { mayBeSame, isSame, renew };

  /** @param columns what the look shows now: looked at before it is read, so that a later change shows */
  function mayBeSame(row, columns) {
    const kept = numbers.subarray(fresh.COLUMNS * row, fresh.COLUMNS * (row + 1));
    if (columns[SIZE] === -1 || columns[MODE] !== kept[MODE] || !isKnown(digests, row)) return false;
    // A folder may have been larger in between.
    if (columns[SIZE] !== kept[SIZE] && !isFolder(columns)) return false;
    renewed.set(columns, fresh.COLUMNS * row);
    rows.push(row);
    // Mostly there is but one, and it holds something else: then it is known before all others were looked at.
    return rows.length > 1 || (columns[SIZE] <= MOST_COMPARED && holdsTheSame(row));
  }

  /** Of all that `mayBeSame`. */
  function isSame() {
    let bytes = 0;
    let newest = rows[0];
    for (const row of rows) {
      const at = fresh.COLUMNS * row;
      if (!isFolder(renewed.subarray(at, at + fresh.COLUMNS))) bytes += renewed[at + SIZE];
      if (renewed[at + CTIME] > renewed[fresh.COLUMNS * newest + CTIME]) newest = row;
    }
    if (bytes > MOST_COMPARED) return false;
    // Where thousands were touched and one was edited, it is the one that changed last.
    if (newest !== rows[0] && !holdsTheSame(newest)) return false;
    return rows.every((row) => row === rows[0] || row === newest || holdsTheSame(row));
  }

  function holdsTheSame(row) {
    const at = fresh.COLUMNS * row;
    const now = digestAt(paths[row], renewed.subarray(at, at + fresh.COLUMNS));
    return now === digests.toString("hex", WIDTH * row, WIDTH * (row + 1));
  }

  /**
   * The same snapshot with the signatures of now in its place, so that the next call reads no file. Without the lock: a
   * snapshot says "while all that was looked at is so, these are the words", which is true whatever else is done at the
   * time. If a build leaves a newer one, and this takes its place in the instant between the look and the renaming, then
   * the older words stand only for what they were said of; with anything else there they are not told, and the build looks
   * for itself. Of two that renew at once the two files of one may end beside each other's: those do not belong together
   * unless they are the same, and then only signatures count.
   */
  function renew() {
    try {
      for (const row of rows) {
        // It may change once more without its times showing it.
        if (
          fresh.isRecent(renewed[fresh.COLUMNS * row + MTIME]) ||
          fresh.isRecent(renewed[fresh.COLUMNS * row + CTIME])
        )
          return;
      }
      const body = fresh.encoded(front, renewed);
      const content = sealed(headOf(paths.length, fresh.sumOf(body)), digests);
      if (lastSum(file) === sum) fresh.put(file, body, content);
    } catch {
      // Then the next call reads them once more.
    }
  }
}

function readDigests(file, count, sum) {
  let bytes;
  try {
    bytes = fs.readFileSync(file);
  } catch {
    return undefined;
  }
  const head = headOf(count, sum);
  const end = bytes.length - WIDTH;
  if (end !== head.length + WIDTH * count || bytes.compare(head, 0, head.length, 0, head.length) !== 0)
    return undefined;
  if (!crypto.createHash("sha256").update(bytes.subarray(0, end)).digest().equals(bytes.subarray(end)))
    return undefined;
  return bytes.subarray(head.length, end);
}

/** @param sum what tells the snapshot from any other */
function headOf(count, sum) {
  return Buffer.from(`${JSON.stringify({ format: FORMAT, count, of: sum })}\n`);
}

function sealed(head, digests) {
  const seal = crypto.createHash("sha256").update(head).update(digests).digest();
  return Buffer.concat([head, digests, seal]);
}

function lastSum(file) {
  return fresh.sumOf(fs.readFileSync(file));
}

function isKnown(digests, row) {
  for (let at = WIDTH * row; at < WIDTH * (row + 1); at++) if (digests[at] !== 0) return true;
  return false;
}

/** What is compared of what lies at a look's path; undefined for what is no file, folder or link. */
function digestAt(look, columns) {
  const name = look.slice(1);
  // One that was only found to be there is there.
  if (isFolder(columns)) return digestOf(look[0] === fresh.LISTING ? namesIn(name) : "");
  if (isLink(columns)) return digestOf(fs.readlinkSync(name, { encoding: "buffer" }));
  return isFile(columns) ? digestOfFile(name, columns[SIZE]) : undefined;
}

/** What a listing tells: the names, what each is, and in which order they come. */
function namesIn(folder) {
  const entries = fs.readdirSync(folder, { withFileTypes: true, encoding: "buffer" });
  return entries.map((entry) => `${kindOf(entry)}${entry.name.toString("latin1")}\0`).join("");
}

function kindOf(entry) {
  const kinds = ["isFile", "isDirectory", "isSymbolicLink", "isFIFO", "isSocket", "isCharacterDevice"];
  return kinds.findIndex((is) => entry[is]()) + 1;
}

function digestOf(data) {
  return crypto.hash("sha256", data, "hex");
}

/** @param size what it was when it was looked at: what is appended from then on shows in its times */
function digestOfFile(name, size) {
  chunk ??= Buffer.allocUnsafeSlow(CHUNK);
  const descriptor = fs.openSync(name, "r");
  try {
    let filled = 0;
    while (filled < CHUNK) {
      const count = fs.readSync(descriptor, chunk, filled, CHUNK - filled, null);
      filled += count;
      // What the system makes up as it is read (/proc) has no size.
      if (count === 0 || filled === size) return digestOf(chunk.subarray(0, filled));
    }
    const hash = crypto.createHash("sha256");
    for (let count = filled; count > 0; count = fs.readSync(descriptor, chunk, 0, CHUNK, null))
      hash.update(chunk.subarray(0, count));
    return hash.digest("hex");
  } finally {
    fs.closeSync(descriptor);
  }
}

const KIND = 0o170000;
const isFile = (columns) => (columns[MODE] & KIND) === 0o100000;
const isLink = (columns) => (columns[MODE] & KIND) === 0o120000;
const isFolder = (columns) => (columns[MODE] & KIND) === 0o040000;

/**
 * What lies beside a snapshot that is being left.
 * @param detailed paths of which the process was told more than what is there
 * @param contents digests by path, as the build went by them
 */
function encodedContent({ paths, numbers }, sum, detailed, contents) {
  const digests = Buffer.alloc(WIDTH * paths.length);
  let left = MOST_HASHED;
  for (const [row, look] of paths.entries()) {
    const columns = numbers.subarray(fresh.COLUMNS * row, fresh.COLUMNS * (row + 1));
    if (columns[SIZE] === -1 || (look[0] !== fresh.LISTING && detailed.has(look.slice(1)))) continue;
    const known = isFile(columns) ? contents.get(look.slice(1)) : undefined;
    if (known === undefined && isFile(columns) && columns[SIZE] > left) continue;
    const digest = known ?? digestAt(look, columns);
    if (digest === undefined) continue;
    if (known === undefined) {
      if (isFile(columns)) left -= columns[SIZE];
      // It was that when the snapshot's signature was taken, if it has it still.
      const after = fresh.columnsAt(look);
      if (after === undefined || after.some((value, column) => value !== columns[column])) continue;
    }
    digests.write(digest, WIDTH * row, "hex");
  }
  return sealed(headOf(paths.length, sum), digests);
}

module.exports = (its) => {
  fresh = its;
  return { contentOf, encodedContent };
};
