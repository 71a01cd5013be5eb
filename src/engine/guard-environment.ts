import { type Guard, guards, type Touch } from "./guard.ts";
import { callerOf, type Hook } from "./guard-caller.ts";

/** Tells a touch of the running code, as guard-hooks.ts does. */
type Notice = (touch: () => Touch, mild: boolean, hook: Hook) => boolean;

/**
 * The environment as each code sees it: what a target declares while its recipe runs, all of it for everybody else. What an
 * installed package asks for is not there, without a word: it asks for many names that it does not need.
 */
export function guardedEnvironment(real: NodeJS.ProcessEnv, notice: Notice): NodeJS.ProcessEnv {
  const seen = (name: string, hook: Hook): Guard | undefined => {
    const guard = guards.getStore();
    // Node asks too, on anybody's behalf: console.log looks for NO_COLOR.
    if (guard !== undefined && callerOf(hook).throughNode) return guard;
    return notice(() => ({ kind: "env", name }), true, hook) ? guard : undefined;
  };
  const hooks = {
    get(target: NodeJS.ProcessEnv, name: string | symbol, receiver: unknown): unknown {
      if (typeof name === "symbol") return Reflect.get(target, name, receiver);
      const guard = seen(name, hooks.get);
      return guard === undefined ? target[name] : guard.environment.get(name);
    },
    has(target: NodeJS.ProcessEnv, name: string | symbol): boolean {
      if (typeof name === "symbol") return Reflect.has(target, name);
      const guard = seen(name, hooks.has);
      return guard === undefined ? Reflect.has(target, name) : guard.environment.has(name);
    },
  };
  return new Proxy(real, {
    ...hooks,
    set(target, name, value) {
      const guard = guards.getStore();
      if (guard !== undefined && typeof name === "string") guard.environment.set(name, String(value));
      else Reflect.set(target, name, value);
      return true;
    },
    deleteProperty(target, name) {
      const guard = guards.getStore();
      if (guard !== undefined && typeof name === "string") guard.environment.delete(name);
      else Reflect.deleteProperty(target, name);
      return true;
    },
    ownKeys(target) {
      const guard = guards.getStore();
      return guard === undefined ? Reflect.ownKeys(target) : [...guard.environment.keys()];
    },
    getOwnPropertyDescriptor(target, name) {
      const guard = guards.getStore();
      if (guard === undefined || typeof name === "symbol") return Reflect.getOwnPropertyDescriptor(target, name);
      const value = guard.environment.get(name);
      return value === undefined ? undefined : { value, writable: true, enumerable: true, configurable: true };
    },
  });
}
