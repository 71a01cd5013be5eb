/*
 * What this process looks at, noted from the launcher on: Node's file functions are wrapped, and so are the variables. A build
 * that found everything as it was leaves it as a snapshot, which `fresh.js` compares before the next such build.
 *
 * CommonJS, with no imports but Node's file functions: it is there before the ES module loader starts.
 */
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const snapshots = require("./fresh.js");

const { COLUMNS, CONTENT, FILE, LINK, LISTING, columnsAt, environmentHash, isRecent, original, statOf, tickMs } =
  snapshots;

/** Snapshots that a cache holds; of some 100 kB each. */
const MOST = 32;

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

const PLAIN_NUMBERS = { throwIfNoEntry: false };

/** The same by plain numbers: times to a part of a microsecond, and an inode's number as far as it is exact. */
function plainStat(name) {
  return discreetStat(name, PLAIN_NUMBERS);
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
  const key = snapshots.keyOf(argv);
  const file = snapshots.snapshotFile(key, process.cwd());
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
    format: snapshots.FORMAT,
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
  const body = snapshots.encoded(padded, numbers);
  const paths = rows.map(([name]) => name);
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    const { encodedContent } = require("./fresh-content.js")(snapshots);
    const content = encodedContent({ paths, numbers }, snapshots.sumOf(body), detailed, digests);
    snapshots.put(file, body, content);
    removeOldest(path.dirname(file));
  } catch {
    // Without a snapshot the next build looks for itself.
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

module.exports = { watch, spoiled, exactStat, plainStat, isFile, holds, leave, tickMs };
