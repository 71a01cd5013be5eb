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
/** Snapshots that a cache holds; of some 100 kB each. */
const MOST = 32;
/** Ends the name of what lies beside a snapshot and says what its files hold. */
const CONTENT = ".content";
const CACHE = ".dsgen-cache";

/** How a path was looked at; a letter each. */
const FILE = "f";
const LINK = "l";
const LISTING = "d";

/** What this process has looked at: of each kind, the paths, and whether something was there. Undefined until `watch`. */
let looks;
/** Looks for files since they were last gathered, in turn: a path, and whether something was there. */
let exact = [];
/** What was told of these is more than their content: times, an owner. */
let detailed;
/** What files that this process asked the content of were found to hold, in turn: a path, and its digest. */
let contents = [];
/** The same by path, once gathered. */
const digests = new Map();
let variables;
let enumerated = false;
/** The environment as it was given: a process may set variables for itself. */
let given;
let untold = false;
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
    content ??= require("./fresh-content.js").contentOf(file, snapshot);
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

/** From here on it is noted what this process looks at. Before any code that reads is loaded. */
function watch() {
  looks = { [FILE]: new Map(), [LINK]: new Map(), [LISTING]: new Map() };
  variables = new Set();
  detailed = new Set();
  for (const of of [fs, fs.promises]) {
    for (const name of ["stat", "access"]) note(of, name, FILE, true);
    for (const name of ["exists", "readFile", "copyFile", "cp", "createReadStream"]) note(of, name, FILE);
    note(of, "open", FILE, true);
    note(of, "lstat", LINK, true);
    for (const name of ["readlink", "realpath"]) note(of, name, LINK);
    for (const name of ["readdir", "opendir"]) note(of, name, LISTING);
    for (const name of ["glob", "globSync", "watch", "watchFile", "statfs", "statfsSync", "openAsBlob"])
      spoil(of, name);
  }
  noteOpenFiles();
  const childProcess = require("node:child_process");
  for (const name of ["spawn", "spawnSync", "exec", "execSync", "execFile", "execFileSync", "fork"])
    spoil(childProcess, name);
  spoil(require("node:net").Socket.prototype, "connect");
  // A thread has file functions of its own.
  const threads = require("node:worker_threads");
  threads.Worker = class extends threads.Worker {
    constructor(...args) {
      super(...args);
      untold = true;
    }
  };
  given = { ...process.env };
  process.env = noting(process.env);
  require("node:module").syncBuiltinESMExports();
}

/** @param details whether it tells more of a file than what it holds */
function note(of, name, kind, details = false) {
  for (const each of [name, `${name}Sync`]) {
    const real = of[each];
    if (typeof real !== "function") continue;
    const isStat = each === "statSync" || each === "lstatSync";
    const noted = function (target, ...rest) {
      if (!isStat) {
        // Which folders it goes into by itself shows nowhere.
        if (rest.some(isRecursive)) untold = true;
        look(target, kind, undefined, details);
        return Reflect.apply(real, this, [target, ...rest]);
      }
      // It says itself whether something is there: of 10,000 files none is asked about twice.
      let found;
      try {
        found = Reflect.apply(real, this, [target, ...rest]);
      } catch (error) {
        look(target, kind);
        throw error;
      }
      look(target, kind, found !== undefined);
      return found && discreet(found, typeof target === "string" ? fullPath(target) : target, kind);
    };
    of[each] = Object.assign(noted, real);
    // `realpath.native`, which is as much a look.
    if (typeof real.native === "function") note(noted, "native", kind, details);
  }
}

/** Most who ask for a file's times and all that want to know what it is: of the others it is noted. */
function discreet(stats, target, kind) {
  for (const name of Object.keys(stats)) {
    if (name === "size" || name === "mode") continue;
    let value = stats[name];
    Object.defineProperty(stats, name, {
      get() {
        look(target, kind, undefined, true);
        return value;
      },
      set(other) {
        value = other;
      },
      enumerable: true,
      configurable: true,
    });
  }
  return stats;
}

/** Who opens a file mostly wants to read it; whoever asks what it is by its descriptor is told more. */
function noteOpenFiles() {
  const opened = [];
  fs.openSync = (target, ...rest) => {
    look(target, FILE);
    const descriptor = original.openSync(target, ...rest);
    opened[descriptor] = target;
    return descriptor;
  };
  for (const name of ["fstat", "fstatSync"]) {
    const real = fs[name];
    fs[name] = (descriptor, ...rest) => {
      if (opened[descriptor] !== undefined) look(opened[descriptor], FILE, undefined, true);
      return real(descriptor, ...rest);
    };
  }
}

/** An absolute path that `resolve` would leave as it is. */
const PLAIN = /^(?:\/(?!\.{0,2}(?:\/|$))[^/]+)+$/;

function fullPath(name) {
  return PLAIN.test(name) ? name : path.resolve(name);
}

function isRecursive(options) {
  return typeof options === "object" && options !== null && options.recursive === true;
}

/** @param there whether something is at the target, where that is known */
function look(target, kind, there, details = false) {
  // Nothing is left of this process.
  if (untold) return;
  const name =
    typeof target === "string" ? target : target instanceof URL ? require("node:url").fileURLToPath(target) : undefined;
  // A descriptor was looked at when it was opened.
  if (name === undefined) {
    if (typeof target !== "number" && typeof target !== "object") untold = true;
    return;
  }
  const full = fullPath(name);
  if (details) detailed.add(full);
  if (!looks[kind].has(full)) looks[kind].set(full, there ?? statOf(kind + full) !== undefined);
}

/** Paths and findings: a build that waits for days looks again and again. */
const MOST_UNGATHERED = 1 << 17;
const EXACT = { bigint: true, throwIfNoEntry: false };

/** `statSync` to the nanosecond, for who wants to know the content alone: where thousands of files are looked at, nothing is to stand between. */
function exactStat(name) {
  return discreetStat(name, EXACT);
}

/** Whether a file is there, and no more. Throws what `statSync` throws, also where nothing is. */
function isFile(name) {
  return discreetStat(name).isFile();
}

function discreetStat(name, options) {
  if (looks === undefined || untold) return original.statSync(name, options);
  try {
    const found = original.statSync(name, options);
    exact.push(name, found !== undefined);
    if (exact.length > MOST_UNGATHERED) gather();
    return found;
  } catch (error) {
    look(name, FILE);
    throw error;
  }
}

/** Most builds that look at thousands leave no snapshot: what was looked at is sorted out when one is left. */
function gather() {
  for (let at = 0; at < exact.length; at += 2) {
    const name = fullPath(exact[at]);
    const there = exact[at + 1];
    const known = looks[FILE].get(name);
    // In which order it was looked at is not known any more: what was both is as good as changed.
    looks[FILE].set(name, known === undefined || known === there ? there : null);
  }
  exact = [];
  for (let at = 0; at < contents.length; at += 2) digests.set(fullPath(contents[at]), contents[at + 1]);
  contents = [];
}

/** Says which digest the content of a file was found to have. */
function holds(name, digest) {
  if (looks === undefined || untold) return;
  contents.push(name, digest);
  if (contents.length > MOST_UNGATHERED) gather();
}

/** What a program, a server or a search of the system's own answers is nothing that can be looked at again for nothing. */
function spoil(of, name) {
  const real = of[name];
  if (typeof real !== "function") return;
  of[name] = function (...args) {
    untold = true;
    return Reflect.apply(real, this, args);
  };
}

function noting(environment) {
  return new Proxy(environment, {
    get(target, name) {
      if (typeof name === "string") variables.add(name);
      return target[name];
    },
    has(target, name) {
      if (typeof name === "string") variables.add(name);
      return name in target;
    },
    ownKeys(target) {
      enumerated = true;
      return Reflect.ownKeys(target);
    },
    getOwnPropertyDescriptor(target, name) {
      // Who enumerates asks this of every name, and for the values that it wants besides.
      if (typeof name === "string" && !enumerated) variables.add(name);
      return Reflect.getOwnPropertyDescriptor(target, name);
    },
    set(target, name, value) {
      target[name] = value;
      return true;
    },
  });
}

/** Says that what comes hangs on more than can be looked at again. */
function spoiled() {
  untold = true;
}

/**
 * Leaves a snapshot of this build, which has found everything as it was, if what it looked at can be told for certain.
 * @param cache the cache's folder, and the files and folders that every build makes anew
 * @param said what was written
 * @param also gives files beside those that were looked at
 */
function leave(argv, { cache, passing }, said, also) {
  if (looks === undefined || untold) return;
  gather();
  const key = keyOf(argv);
  const file = snapshotFile(key, process.cwd());
  if (file === undefined || cache !== path.dirname(path.dirname(path.dirname(file)))) return;
  for (const name of also()) look(name, FILE);
  const all = Object.entries(looks).flatMap(([kind, of]) => [...of].map(([name, there]) => [kind + name, there]));
  // In order: they are compared sooner than as they come, by a twelfth.
  all.sort(([one], [other]) => (one < other ? -1 : 1));
  const rows = all.filter(([name]) => name !== LISTING + cache && !passing.some((each) => isAt(name.slice(1), each)));
  const numbers = new Float64Array(COLUMNS * rows.length);
  for (const [row, [name, there]] of rows.entries()) {
    const columns = columnsAt(name);
    if ((columns !== undefined) !== there) return;
    // What has changed since this process began may have been something else when it was looked at.
    if (columns !== undefined && (isRecent(columns[1]) || isRecent(columns[2]))) return;
    numbers.set(columns ?? [-1, 0, 0, 0, 0], COLUMNS * row);
  }
  const salt = Math.floor(Math.random() * 2 ** 32);
  const names = [...variables].sort();
  const head = {
    format: FORMAT,
    key,
    count: rows.length,
    variables: names,
    enumerated,
    salt,
    environment: environmentHash(given, names, enumerated, salt),
    ...said,
  };
  const front = Buffer.from(`${JSON.stringify(head)}\n${rows.map(([name]) => `${name}\0`).join("")}`);
  const padded = Buffer.alloc(8 * Math.ceil(front.length / 8));
  front.copy(padded);
  const body = encoded(padded, numbers);
  const paths = rows.map(([name]) => name);
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    const { encodedContent } = require("./fresh-content.js");
    const content = encodedContent({ paths, numbers }, sumOf(body), detailed, digests);
    put(file, body, content);
    removeOldest(path.dirname(file));
  } catch {
    // Without a snapshot the next build looks for itself.
  }
}

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

/** Another folder, width or word leaves another snapshot; those that are no longer asked for must not pile up. */
function removeOldest(folder) {
  const names = fs.readdirSync(folder).filter((name) => !name.endsWith(CONTENT));
  if (names.length <= MOST) return;
  const ages = names.map((name) => [fs.statSync(path.join(folder, name)).mtimeMs, name]);
  for (const [, name] of ages.sort(([a], [b]) => b - a).slice(MOST))
    for (const each of [name, name + CONTENT]) fs.rmSync(path.join(folder, each), { force: true });
}

function isAt(name, place) {
  return name === place || name.startsWith(place + path.sep);
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
  watch,
  spoiled,
  leave,
  exactStat,
  isFile,
  holds,
  say,
  tickMs,
  COLUMNS,
  CONTENT,
  FILE,
  LISTING,
  columnsAt,
  columnsOf,
  encoded,
  hashOf,
  hashOfBytes,
  isRecent,
  put,
  statOf,
  sumOf,
};
