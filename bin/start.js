/*
 * Runs dist/src/start.cjs, the one file that carries what dsgen starts with (scripts/bundle.ts), with the code that V8 made of it
 * the last time. It is not used where dist/start.json does not say what lies there: dsgen's own files and the packages it
 * carries, by content; and as long as their signatures stay as they were when that was held against them, by these.
 *
 * CommonJS, with no imports but Node's own: it runs before the ES module loader starts.
 */
"use strict";
const fs = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");
const vm = require("node:vm");
const { pathToFileURL } = require("node:url");
const { columnsOf, FILE, hashOf, hashOfBytes, isRecent, statOf } = require("./fresh.js");

/** Another layout of what is kept is another number. */
const FORMAT = 3;
const EXIT_USAGE = 2;
/** Commands that go through every target. */
const WALKS = ["build", "plan"];

/**
 * @param root dsgen's own folder
 * @param command each command runs other functions, of which V8's code is kept
 * @returns what runs dsgen; undefined where the file is not to be had, or is not made of what lies there
 */
function load(root, command) {
  const dist = path.join(root, "dist");
  const script = path.join(dist, "src", "start.cjs");
  const kept = keptFile(dist, `${command}-${process.version}-${process.arch}-${hashOf(root, 0).toString(36)}`);
  const before = kept === undefined ? undefined : read(kept);
  const known = before?.root === root && sameLooks(before.looks, before.columns);
  const made = known ? before : madeOf(root, dist);
  if (made === undefined) return undefined;
  const { build, looks, columns } = made;
  if (WALKS.includes(command)) setUpForThousands();
  // All of it is ASCII, and a function's text as it stands: V8 takes the bytes as they are, without a copy.
  const compiled = new vm.Script(
    fs.readFileSync(script).latin1Slice(),
    known ? { filename: script, cachedData: before.code } : { filename: script },
  );
  const start = { build, unchanged: () => sameLooks(looks, columns), parses: false };
  if (kept !== undefined) {
    const leave = () => {
      const { parses } = start;
      if (!known || compiled.cachedDataRejected)
        keep(kept, { root, build, looks, columns, parses, code: compiled.createCachedData() });
      // Half of it is what parses a config, and most runs parse none: the next one keeps what it needs itself.
      else if (before.parses && !parses) forget(kept);
    };
    process.once("exit", (code) => code !== EXIT_USAGE && leave());
  }
  return { run: () => run(root, script, compiled, start) };
}

/**
 * Thousands of targets are over before most of what V8 optimizes has paid for itself: Node 20 spends a fifth of the processor on
 * that, in another thread. Newer ones wait longer by themselves, and have no such flag. And what is made for each target stays:
 * a young generation that begins with a megabyte and is doubled again and again is copied each time. (Newer ones have more
 * room in the end, and take longer with it.) These are set before the file is compiled, since V8 takes kept code only under
 * the flags that it was made under.
 */
function setUpForThousands() {
  if (!process.versions.v8.startsWith("11.")) return;
  const { setFlagsFromString } = require("node:v8");
  for (const flag of ["--interrupt-budget=1000000", "--semi-space-growth-factor=16"]) setFlagsFromString(flag);
}

/** @param start what the file is told; it tells there whether it parses a config */
function run(root, script, compiled, start) {
  const module = { exports: {} };
  Object.assign(start, {
    require,
    import: (specifier) => import(specifier),
    path: (file) => path.join(root, file),
    meta: (file) => ({ url: pathToFileURL(path.join(root, file)).href }),
  });
  const others = createRequire(script);
  // At once: where a name of package.json leads is looked up in the folders above.
  const load = (id) => (id === "#fresh" ? require("./fresh-watch.js") : others(id));
  compiled.runInThisContext()(module.exports, load, module, start);
  return module.exports.runProcess();
}

/** Where Node looks for a package that dsgen imports, in order: where there is none, one may come to be. */
function placesOf(root, name) {
  const places = [];
  for (let folder = root; ; folder = path.dirname(folder)) {
    if (path.basename(folder) !== "node_modules") {
      const manifest = path.join(folder, "node_modules", name, "package.json");
      places.push(FILE + manifest);
      if (fs.existsSync(manifest)) return places;
    }
    if (path.dirname(folder) === folder) return places;
  }
}

/** What the file was made of, and how that looks now; undefined where it is not what lies there. */
function madeOf(root, dist) {
  const told = readOrNothing(path.join(dist, "start.json"));
  if (told === undefined) return undefined;
  const { build, files, packages } = JSON.parse(told.toString());
  const looks = [
    ...["start.json", ...Object.keys(files)].map((file) => FILE + path.join(dist, file)),
    ...Object.keys(packages).flatMap((name) => placesOf(root, name)),
  ];
  // Before the contents: what changes in between is seen the next time.
  const columns = looks.map(look);
  return holds(root, files, packages) ? { build, looks, columns } : undefined;
}

/** Is the file made of what lies there? */
function holds(root, files, packages) {
  const is = (file, digest) => {
    const bytes = readOrNothing(file);
    return bytes !== undefined && digestOf(bytes) === digest;
  };
  return (
    Object.entries(files).every(([file, digest]) => is(path.join(root, "dist", file), digest)) &&
    Object.entries(packages).every(([name, digest]) => is(placesOf(root, name).at(-1).slice(1), digest))
  );
}

function look(name) {
  const stat = statOf(name);
  return stat === undefined ? [-1] : columnsOf(name, stat);
}

function sameLooks(looks, columns) {
  return looks.length === columns.length && looks.every((name, at) => sameNumbers(look(name), columns[at]));
}

function sameNumbers(one, other) {
  return one.length === other.length && one.every((number, at) => number === other[at]);
}

/**
 * Where V8's code is kept: beside the compiled code or, where that is not this person's to write, in their own cache. Never
 * in a project: it would be run.
 */
function keptFile(dist, name) {
  const { homedir } = require("node:os");
  const folders = [
    path.join(dist, "start.cache"),
    path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), ".cache"), "dsgen"),
  ];
  for (const folder of folders) {
    try {
      fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
      fs.accessSync(folder, fs.constants.W_OK);
      if (fs.statSync(folder).uid === (process.getuid?.() ?? 0)) return path.join(folder, name);
    } catch {
      // The next one, or none.
    }
  }
  return undefined;
}

/* The file: a line of JSON, and V8's code. */

function read(file) {
  const bytes = readOrNothing(file);
  const line = bytes?.indexOf(10) ?? -1;
  if (line < 0) return undefined;
  try {
    const head = JSON.parse(bytes.toString("latin1", 0, line));
    const code = bytes.subarray(line + 1);
    // V8 believes whatever has the right length, and crashes.
    return head.format === FORMAT && head.sum === sumOf(code) ? { ...head, code } : undefined;
  } catch {
    return undefined;
  }
}

function keep(file, { columns, code, ...told }) {
  // What has changed since this process began may have been something else when it was looked at.
  if (columns.some(([, modified = 0, changed = 0]) => isRecent(modified) || isRecent(changed))) return;
  const staged = `${file}.${process.pid}`;
  const head = JSON.stringify({ format: FORMAT, ...told, columns, sum: sumOf(code) });
  try {
    fs.writeFileSync(staged, Buffer.concat([Buffer.from(`${head}\n`), code]));
    fs.renameSync(staged, file);
  } catch {
    // Without it the next start takes longer.
  }
}

function forget(file) {
  try {
    fs.unlinkSync(file);
  } catch {
    // The next start takes as long as this one.
  }
}

/** A hash of whole words, and the bytes behind them as they are. */
function sumOf(code) {
  const words = code.length - (code.length % 8);
  return `${hashOfBytes(code, words)} ${code.toString("hex", words)}`;
}

function digestOf(bytes) {
  // Loaded where it is needed: it takes as long as a twentieth of Node.
  return require("node:crypto").createHash("sha256").update(bytes).digest("hex");
}

function readOrNothing(file) {
  try {
    return fs.readFileSync(file);
  } catch {
    return undefined;
  }
}

module.exports = { load };
