#!/usr/bin/env node
/*
 * The launcher. CommonJS and without imports of its own until it must (bin/package.json says "commonjs"): starting Node's
 * ES module loader takes as long as a third of Node itself, and --version and --help need none of it.
 */
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { say, tellIfFresh } = require("./fresh.js");

const root = path.join(__dirname, "..");
const EXIT_USAGE = 2;
const EXIT_BUG = 70;

const [first, ...rest] = process.argv.slice(2);
if (rest.length === 0 && (first === "--version" || first === "-V")) {
  say(1, `${version()}\n`);
} else if (rest.length === 0 && (first === "--help" || first === "-h" || first === "help")) {
  say(1, fs.readFileSync(path.join(__dirname, "help.txt"), "utf8"));
} else if (first === undefined) {
  say(2, fs.readFileSync(path.join(__dirname, "help.txt"), "utf8"));
  process.exitCode = EXIT_USAGE;
} else if (first !== "build" || !tellIfFresh(process.argv.slice(2))) {
  run();
}

function run() {
  const started = require("./start.js").load(root, first);
  if (first === "build") require("./fresh-watch.js").watch();
  const compiled = path.join(root, "dist", "src", "cli", "process.js");
  if (!fs.existsSync(compiled)) {
    say(2, "error: dsgen is not compiled: run make build\n");
    process.exitCode = EXIT_BUG;
    return;
  }
  warnIfStale();
  if (started !== undefined) {
    started.run();
    return;
  }
  import(require("node:url").pathToFileURL(compiled).href).then(
    (module) => module.runProcess(),
    (error) => {
      say(2, `error: dsgen's compiled code cannot be loaded: run make build\n${error?.stack ?? error}\n`);
      process.exitCode = EXIT_BUG;
    },
  );
}

/**
 * In dsgen's own checkout, where a recipe may be edited and then believed: recipes run compiled, so code that is older
 * than its source makes what the old source said.
 */
function warnIfStale() {
  if (!fs.existsSync(path.join(root, "src")) || !isWithin(process.cwd(), fs.realpathSync(root))) return;
  const built = fs.statSync(path.join(root, "dist", ".tsbuildinfo"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (["src", "targets"].some((folder) => hasNewer(path.join(root, folder), built))) {
    say(2, "warning: the compiled code is older than the source: run make build\n");
  }
}

function isWithin(folder, parent) {
  return folder === parent || folder.startsWith(parent + path.sep);
}

function hasNewer(folder, time) {
  let entries;
  try {
    entries = fs.readdirSync(folder, { withFileTypes: true });
  } catch {
    return false;
  }
  return entries.some((entry) => {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) return hasNewer(file, time);
    return entry.name.endsWith(".ts") && (fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > time;
  });
}

function version() {
  return JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")).version;
}
