import childProcess from "node:child_process";
import dgram from "node:dgram";
import dns from "node:dns";
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { fixLocale } from "./fixed-locale.ts";
import { guards, rememberTouch, type Touch, unguarded } from "./guard.ts";
import { callerOf, type Hook } from "./guard-caller.ts";
import { guardedEnvironment } from "./guard-environment.ts";

/*
 * Node's own functions that reach outside, wrapped so that a guard hears of it. Only code of a project is judged: what
 * dsgen does on its behalf, and what loads modules (their content is in the identity), is let through. Installed once,
 * before the first code of a project is loaded; until then nothing is touched.
 */

type AnyFunction = (...args: readonly unknown[]) => unknown;

let loading = 0;
let installed = false;

/** Loads a project's code: what it touches at its top level is remembered for whoever uses it. */
export async function watchLoading<T>(load: () => Promise<T>): Promise<T> {
  install();
  loading++;
  try {
    return await load();
  } finally {
    loading--;
  }
}

/** Is no code of a project running, nor being loaded? */
function isOwn(): boolean {
  return loading === 0 && guards.getStore() === undefined;
}

/**
 * Tells the guard of the running code of a touch.
 * @param mild a mere question (does this exist?), which installed packages ask of many places without taking the answer in
 * @returns false when the call is dsgen's own, and is to be made outside the guard
 * @throws ProblemError when the running code may not do this
 */
function notice(touch: () => Touch | undefined, mild: boolean, hook: Hook): boolean {
  if (isOwn()) return true;
  const guard = guards.getStore();
  const caller = callerOf(hook);
  if (caller.kind === "dsgen" || caller.kind === "loader") return false;
  if (mild && caller.kind === "package") return true;
  const touched = touch();
  if (touched === undefined) return true;
  if (guard !== undefined) guard.check(touched);
  else if (caller.kind === "project") rememberTouch(caller.file, touched);
  return true;
}

function install(): void {
  if (installed) return;
  installed = true;
  watchFiles(fs, "callback");
  watchFiles(fs.promises, "reject");
  wrap(fs, "createReadStream", "throw", (path) => readOf(path, "r"));
  for (const module of [http, https]) for (const name of ["request", "get"]) wrap(module, name, "throw", networkTo);
  for (const name of ["lookup", "resolve", "resolve4", "resolve6"]) {
    wrap(dns, name, "callback", networkTo);
    wrap(dns.promises, name, "reject", networkTo);
  }
  wrap(dgram, "createSocket", "throw", () => ({ kind: "network", to: "a datagram socket" }));
  wrap(globalThis, "fetch", "reject", networkTo);
  // Whatever library opens it, a connection begins here.
  wrap(net.Socket.prototype, "connect", "destroy", networkTo);
  for (const name of ["spawn", "spawnSync", "exec", "execSync", "execFile", "execFileSync", "fork"]) {
    wrap(childProcess, name, "throw", (command) => ({ kind: "process", command: String(command) }));
  }
  fixLocale();
  process.env = guardedEnvironment(process.env, notice);
  syncBuiltinESMExports();
}

/** Functions on files, each there as `…Sync` too. `mild`: a mere question. */
const FILE_CALLS: readonly { names: readonly string[]; touch: typeof readOf; mild?: boolean }[] = [
  { names: ["readFile", "readdir", "opendir", "copyFile", "cp", "openAsBlob"], touch: (path) => readOf(path, "r") },
  { names: ["stat", "lstat", "access", "exists", "readlink"], touch: (path) => readOf(path, "r"), mild: true },
  { names: ["open"], touch: readOf },
  { names: ["writeFile", "mkdir"], touch: (path) => readOf(path, "w") },
];

function watchFiles(of: object, failing: Failing): void {
  for (const { names, touch, mild } of FILE_CALLS) {
    for (const name of names.flatMap((one) => [one, `${one}Sync`])) wrap(of, name, failing, touch, mild);
  }
  noteMade(of, of === fs ? "mkdtempSync" : "mkdtemp");
}

/** Notes the folder that a call has made: its name is known only afterwards. */
function noteMade(of: object, name: string): void {
  const original: unknown = Reflect.get(of, name);
  if (!isFunction(original)) return;
  Reflect.set(of, name, (...args: readonly unknown[]): unknown => {
    const guard = guards.getStore();
    const note = (path: unknown) => {
      if (typeof path === "string") guard?.allow(path);
      return path;
    };
    const made = Reflect.apply(original, of, args);
    return made instanceof Promise ? made.then(note) : note(made);
  });
}

/** How a refused call fails, as its callers expect it to; `callback`: throws where it was given none. */
type Failing = "throw" | "callback" | "reject" | "destroy";

function wrap(
  of: object,
  name: string,
  failing: Failing,
  touch: (...args: readonly unknown[]) => Touch | undefined,
  mild = false,
): void {
  const original: unknown = Reflect.get(of, name);
  if (!isFunction(original)) return;
  const wrapped = function (this: unknown, ...args: readonly unknown[]): unknown {
    // What most calls are: dsgen's own, of which there are some for each target.
    if (isOwn()) return Reflect.apply(original, this, args);
    let inside: boolean;
    try {
      inside = notice(() => touch(...args), mild, wrapped);
    } catch (error) {
      if (failing === "reject") return Promise.reject(error);
      const callback = failing === "callback" ? args.at(-1) : undefined;
      // Thrown in the middle of somebody's queue, it would end the process instead of the target.
      if (isFunction(callback)) return process.nextTick(callback, error);
      if (failing === "destroy" && this instanceof net.Socket && error instanceof Error) return this.destroy(error);
      throw error;
    }
    const call = () => Reflect.apply(original, this, args);
    return inside ? call() : unguarded(call);
  };
  Object.defineProperties(wrapped, Object.getOwnPropertyDescriptors(original));
  Reflect.set(of, name, wrapped);
}

function isFunction(value: unknown): value is AnyFunction {
  return typeof value === "function";
}

/** A file that is opened: read, or made anew by the code itself. */
function readOf(path: unknown, flags: unknown): Touch | undefined {
  const absolute = pathOf(path);
  if (absolute === undefined) return undefined;
  const how = openedFor(flags);
  if (how === "making anew") guards.getStore()?.allow(absolute);
  return how === "reading" ? { kind: "file", path: absolute } : undefined;
}

function openedFor(flags: unknown): "making anew" | "adding" | "reading" {
  if (typeof flags === "string")
    return flags.startsWith("w") ? "making anew" : /^a[xs]*$/.test(flags) ? "adding" : "reading";
  if (typeof flags !== "number") return "reading";
  const { O_TRUNC, O_EXCL, O_WRONLY } = fs.constants;
  if ((flags & (O_TRUNC | O_EXCL)) !== 0) return "making anew";
  return (flags & 3) === O_WRONLY ? "adding" : "reading";
}

/** An argument as a path; undefined for a descriptor or a handle, whose file was judged when it was opened. */
function pathOf(argument: unknown): string | undefined {
  if (typeof argument === "string") return argument.startsWith("\0") ? undefined : resolve(argument);
  if (argument instanceof URL) return argument.protocol === "file:" ? fileURLToPath(argument) : undefined;
  return Buffer.isBuffer(argument) ? resolve(argument.toString()) : undefined;
}

/** Where a call leads, from the many ways of saying it. */
function networkTo(...args: readonly unknown[]): Touch {
  const [first, second] = args.flat();
  if (typeof first === "string") return { kind: "network", to: first };
  if (typeof first === "number")
    return { kind: "network", to: `${typeof second === "string" ? second : "localhost"}:${first}` };
  if (first instanceof URL) return { kind: "network", to: first.href };
  const named = (key: string) => {
    const value: unknown = typeof first === "object" && first !== null ? Reflect.get(first, key) : undefined;
    return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
  };
  const host = named("url") ?? named("path") ?? named("hostname") ?? named("host") ?? "localhost";
  const port = named("port");
  return {
    kind: "network",
    to: port === undefined ? host : `${named("hostname") ?? named("host") ?? "localhost"}:${port}`,
  };
}
