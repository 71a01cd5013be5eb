/*
 * Nothing to do costs nothing. A build that found everything as it was leaves a snapshot: what it looked at (files by
 * their signature, listings, what was not there, the environment) and the words it closed with. The next call of the same
 * words compares, prints, and ends, before anything else is loaded; it takes no lock, and writes nothing. The one exception:
 * where files had another signature and the content that they had then (`fresh-content.js`), the snapshot is renewed, so that
 * the call after that reads none of them. Whatever it does not know for certain is left to the build itself.
 *
 * CommonJS, with no imports but Node's file functions: it runs before the ES module loader starts.
 */
"use strict";
const fs = require("node:fs");
const path = require("node:path");

/** Another layout of the snapshot is another number. */
const FORMAT = 2;
/** Size, mtime, ctime (milliseconds), inode, mode. */
const COLUMNS = 5;
/** Ends the name of what lies beside a snapshot and says what its files hold. */
const CONTENT = ".content";
const CACHE = ".dsgen-cache";

/** How a path was looked at; a letter each. */
const FILE = "f";
const LINK = "l";
const LISTING = "d";

// Not by `performance`, which takes as long to load as a tenth of Node.
const startedMs = Date.now() - 1000 * process.uptime();

/**
 * Prints what the last such build said, if nothing it looked at has changed since.
 * @param argv the arguments after `dsgen`
 * @returns false when it cannot be told: then the build is to run
 */
function tellIfFresh(argv) {
  const key = keyOf(argv);
  const file = snapshotFile(key, process.cwd());
  if (file === undefined) return false;
  try {
    const snapshot = read(file);
    if (snapshot === undefined || snapshot.head.key !== key) return false;
    const afterwards = compared(file, snapshot);
    if (afterwards === undefined) return false;
    say(2, snapshot.head.stderr);
    say(1, snapshot.head.stdout);
    afterwards();
    return true;
  } catch {
    return false;
  }
}

/** The same words in another folder, by another Node, dsgen or person, or on another kind of output, are another question. */
function keyOf(argv) {
  const outputs = [1, 2].map((descriptor) =>
    isTerminal(descriptor) ? [process.stdout.columns, process.stdout.rows] : null,
  );
  return JSON.stringify([FORMAT, process.version, __dirname, process.cwd(), process.getuid?.() ?? 0, outputs, argv]);
}

/** Node's own answer is asked for only where it may be yes: what gives it takes as long to load as a tenth of Node. */
function isTerminal(descriptor) {
  let stat;
  try {
    stat = fs.fstatSync(descriptor);
  } catch {
    return false;
  }
  if (!stat.isCharacterDevice()) return process.platform === "win32" && require("node:tty").isatty(descriptor);
  return stat.rdev !== statOf(`${FILE}/dev/null`)?.rdev && require("node:tty").isatty(descriptor);
}

/** The snapshot's place in the nearest cache at or above a folder. */
function snapshotFile(key, folder) {
  for (let at = folder; ; at = path.dirname(at)) {
    const cache = path.join(at, CACHE);
    if (fs.existsSync(cache)) return path.join(cache, "v1", "fresh", hashOf(key, 0).toString(36));
    if (path.dirname(at) === at) return undefined;
  }
}

/** A 53-bit hash (cyrb53): of no use to whoever wants the text back, and salted where the text is a secret. */
function hashOf(text, seed) {
  let a = 0xdeadbeef ^ seed;
  let b = 0x41c6ce57 ^ seed;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}

/*
 * The file: a line of JSON; the paths, one after another with a NUL behind each, padded with NULs to a multiple of eight
 * bytes; the columns as doubles; and in the last eight bytes a hash of all before.
 */

function read(file) {
  let bytes;
  try {
    bytes = fs.readFileSync(file);
  } catch {
    return undefined;
  }
  const end = bytes.length - 8;
  const sum = end < 8 ? Number.NaN : bytes.readDoubleLE(end);
  if (end < 8 || end % 8 !== 0 || hashOfBytes(bytes, end) !== sum) return undefined;
  const line = bytes.indexOf(10);
  const head = JSON.parse(bytes.toString("utf8", 0, line));
  if (head.format !== FORMAT) return undefined;
  const columns = end - 8 * COLUMNS * head.count;
  const paths = bytes.toString("utf8", line + 1, columns).split("\0", head.count);
  return { head, paths, numbers: wordsOf(Float64Array, bytes, columns, end), front: bytes.subarray(0, columns), sum };
}

/** @param front the line and the paths, padded */
function encoded(front, numbers) {
  const body = Buffer.concat([
    front,
    Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength),
    Buffer.alloc(8),
  ]);
  body.writeDoubleLE(hashOfBytes(body, body.length - 8), body.length - 8);
  return body;
}

/** A part of bytes as numbers of this machine, which no other reads. */
function wordsOf(Kind, bytes, from, end) {
  const start = bytes.byteOffset + from;
  // What is small comes from a pool, where it may begin anywhere.
  if (start % Kind.BYTES_PER_ELEMENT !== 0)
    return wordsOf(Kind, Uint8Array.from(bytes.subarray(from, end)), 0, end - from);
  return new Kind(bytes.buffer, start, (end - from) / Kind.BYTES_PER_ELEMENT);
}

/** @param end a multiple of eight */
function hashOfBytes(bytes, end) {
  const words = wordsOf(Int32Array, bytes, 0, end);
  let a = 0x811c9dc5;
  let b = 0x1b873593;
  for (let at = 0; at < words.length; at++) {
    a = Math.imul(a ^ words[at], 0x01000193);
    b = Math.imul(b ^ words[at], 0x85ebca6b) + 1;
  }
  return (a >>> 0) * 0x100000 + ((b >>> 0) & 0xfffff);
}

/** @returns what is to be done once it was told; undefined where something is another than it was */
function compared(file, snapshot) {
  const { head, paths, numbers } = snapshot;
  if (environmentHash(process.env, head.variables, head.enumerated, head.salt) !== head.environment) return undefined;
  const now = new Float64Array(COLUMNS);
  let row = nextOther(snapshot, 0, now);
  if (row === paths.length) return () => undefined;
  const own = path.dirname(path.dirname(path.dirname(file))) + path.sep;
  let content;
  for (; row < paths.length; row = nextOther(snapshot, row + 1, now)) {
    // What a build writes here is something else: mostly it is the first thing met, and then no more is looked at.
    if (now[1] !== numbers[COLUMNS * row + 1] && paths[row].startsWith(own, 1)) return undefined;
    content ??= require("./fresh-content.js")(module.exports).contentOf(file, snapshot);
    if (content === undefined || !content.mayBeSame(row, now)) return undefined;
  }
  return content.isSame() ? content.renew : undefined;
}

/** The next row from one on whose look shows something else now, which goes to `now`: -1 for nothing. Beyond the last for none. */
function nextOther({ paths, numbers }, from, now) {
  for (let row = from, at = COLUMNS * from; row < paths.length; row++, at += COLUMNS) {
    const look = paths[row];
    const stat = statOf(look);
    if (stat === undefined) {
      if (numbers[at] === -1) continue;
      now[0] = -1;
      return row;
    }
    columnsOf(look, stat, now);
    for (let column = 0; column < COLUMNS; column++) if (now[column] !== numbers[at + column]) return row;
  }
  return paths.length;
}

const NO_THROW = { throwIfNoEntry: false };

/** What lies at a look's path now; undefined for nothing. */
function statOf(look) {
  const name = look.slice(1);
  try {
    return look[0] === LINK ? original.lstatSync(name, NO_THROW) : original.statSync(name, NO_THROW);
  } catch (error) {
    if (error.code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** A folder that was only found to be there is known by what it is: its times tell of what it holds. */
function columnsOf(look, stat, into = []) {
  const timeless = stat.isDirectory() && look[0] !== LISTING;
  into[0] = timeless ? 0 : stat.size;
  into[1] = timeless ? 0 : stat.mtimeMs;
  into[2] = timeless ? 0 : stat.ctimeMs;
  into[3] = stat.ino;
  into[4] = stat.mode;
  return into;
}

/** @param enumerated whether it was asked which variables there are */
function environmentHash(environment, names, enumerated, salt) {
  const values = names.map((name) => `${name}=${environment[name] ?? "\0"}`);
  return hashOf([...(enumerated ? Object.keys(environment).sort() : []), "", ...values].join("\0"), salt);
}

const original = { statSync: fs.statSync, lstatSync: fs.lstatSync, openSync: fs.openSync };

/** What tells a snapshot from others: the last eight bytes. */
function sumOf(body) {
  return body.readDoubleLE(body.length - 8);
}

/** What a look shows now; undefined for nothing. */
function columnsAt(look) {
  const stat = statOf(look);
  return stat && columnsOf(look, stat);
}

/** A snapshot in its place, and what its files hold beside it: in whichever order, the second says which first it is of. */
function put(file, body, content) {
  replace(file, body);
  replace(file + CONTENT, content);
}

function replace(file, bytes) {
  const staged = `${file}.${process.pid}`;
  try {
    fs.writeFileSync(staged, bytes);
    fs.renameSync(staged, file);
  } catch (error) {
    fs.rmSync(staged, { force: true });
    throw error;
  }
}

/**
 * How long after its time a file may change again without its time showing it: kernels stamp files by a clock that ticks
 * every 1 to 10 ms; times in whole seconds come from a file system that keeps no finer ones (FAT: two seconds).
 */
function tickMs(inWholeSeconds) {
  return inWholeSeconds ? 2000 : 20;
}

function isRecent(timeMs) {
  return timeMs + tickMs(timeMs % 1000 === 0) >= startedMs;
}

/** Writes at once and whole; a reader that has left (`| head -0`) is no error. */
function say(descriptor, text) {
  const bytes = Buffer.from(text);
  let written = 0;
  for (let tries = 0; written < bytes.length && tries < 1000; tries++) {
    try {
      written += fs.writeSync(descriptor, bytes, written);
    } catch (error) {
      // A pipe that somebody made non-blocking is full for a moment.
      if (error.code !== "EAGAIN") return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

module.exports = {
  tellIfFresh,
  say,
  tickMs,
  isRecent,
  FORMAT,
  COLUMNS,
  CONTENT,
  FILE,
  LINK,
  LISTING,
  original,
  keyOf,
  snapshotFile,
  environmentHash,
  columnsAt,
  columnsOf,
  statOf,
  encoded,
  put,
  sumOf,
  hashOf,
  hashOfBytes,
};
