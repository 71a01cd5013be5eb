import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import { performance } from "node:perf_hooks";
import { callerOf, type Hook } from "./guard-caller.ts";

/** What tells something else each time, or on each machine, and is no file. */
const CHANCE: readonly (readonly [of: object, names: readonly string[]])[] = [
  [Math, ["random"]],
  [performance, ["now"]],
  [process, ["hrtime", "uptime", "memoryUsage", "cpuUsage", "resourceUsage"]],
  [os, ["hostname", "loadavg", "uptime", "freemem", "totalmem", "networkInterfaces", "userInfo", "cpus"]],
  [crypto, ["randomBytes", "randomUUID", "randomInt", "randomFillSync", "getRandomValues"]],
  [crypto.webcrypto, ["getRandomValues", "randomUUID"]],
];

/**
 * Does some work, and tells when it asks for the time, for chance, or for what the machine is doing just then. A project's
 * targets may hang on these, and then nothing that was looked at shows whether they are as they were.
 */
export async function noticingChance<T>(work: () => Promise<T>, tell: () => void): Promise<T> {
  const noticed = (hook: Hook) => {
    const { kind } = callerOf(hook);
    // Who loads modules asks for the time on nobody's behalf.
    if (kind === "project" || kind === "package") tell();
  };
  const RealDate = Date;
  const undo: (() => void)[] = [];
  for (const [of, names] of CHANCE) {
    for (const name of names) {
      const real: unknown = Reflect.get(of, name);
      if (typeof real !== "function") continue;
      const noticing = (...args: readonly unknown[]): unknown => {
        noticed(noticing);
        return Reflect.apply(real, of, args);
      };
      const own = Object.getOwnPropertyDescriptor(of, name);
      if (!Reflect.set(of, name, Object.assign(noticing, real))) continue;
      undo.push(() => {
        if (own === undefined) Reflect.deleteProperty(of, name);
        else Object.defineProperty(of, name, own);
      });
    }
  }
  const hooks = {
    apply(target: DateConstructor, receiver: unknown, args: readonly unknown[]): unknown {
      noticed(hooks.apply);
      return Reflect.apply(target, receiver, args);
    },
    construct(target: DateConstructor, args: readonly unknown[], asked: new () => unknown): object {
      if (args.length === 0) noticed(hooks.construct);
      return Reflect.construct(target, args, asked);
    },
    get(target: DateConstructor, name: string | symbol, receiver: unknown): unknown {
      if (name === "now") noticed(hooks.get);
      return Reflect.get(target, name, receiver);
    },
  };
  globalThis.Date = new Proxy(RealDate, hooks);
  syncBuiltinESMExports();
  try {
    return await work();
  } finally {
    globalThis.Date = RealDate;
    for (const each of undo.reverse()) each();
    syncBuiltinESMExports();
  }
}
