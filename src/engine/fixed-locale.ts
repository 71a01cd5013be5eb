/*
 * One time zone and one language for a project's code, whatever the machine is set to: dates and numbers that it writes
 * would otherwise differ between a colleague's build and this one.
 */

const LOCALE = "en-US";

type Method = (...args: readonly unknown[]) => unknown;

/** From here on, in this process: dates are in UTC, and what names no language is written in English. */
export function fixLocale(): void {
  process.env["TZ"] = "UTC";
  // Node takes its language from the environment when it starts, and from nowhere afterwards.
  // Asked of what knows it soonest: the others read tables for ten milliseconds first.
  if (new Intl.PluralRules().resolvedOptions().locale === LOCALE) return;
  for (const name of Object.getOwnPropertyNames(Intl)) {
    const known: unknown = Reflect.get(Intl, name);
    if (isMethod(known) && /^[A-Z]/.test(name) && name !== "Locale") Reflect.set(Intl, name, withLocale(known));
  }
  for (const name of ["toString", "toTimeString"] as const) {
    const known = Date.prototype[name];
    Date.prototype[name] = function (this: Date): string {
      return known.call(this).replace(/\(.*\)$/, "(Coordinated Universal Time)");
    };
  }
  for (const prototype of [Number.prototype, BigInt.prototype, Date.prototype, Array.prototype, String.prototype]) {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const known: unknown = /^toLocale|^localeCompare$/.test(name) ? Reflect.get(prototype, name) : undefined;
      if (!isMethod(known)) continue;
      const at = name === "localeCompare" ? 1 : 0;
      const value = function (this: unknown, ...args: readonly unknown[]): unknown {
        return Reflect.apply(known, this, defaulted(args, at));
      };
      Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
    }
  }
}

function withLocale(known: Method): Method {
  const proxy: Method = new Proxy(known, {
    apply: (target, self, args: readonly unknown[]) => Reflect.apply(target, self, defaulted(args, 0)),
    construct: (target, args: readonly unknown[], asked): object =>
      Reflect.construct(target, defaulted(args, 0), asked === proxy ? target : asked),
  });
  return proxy;
}

function defaulted(args: readonly unknown[], at: number): unknown[] {
  const full: unknown[] = [...args];
  while (full.length <= at) full.push(undefined);
  full[at] ??= LOCALE;
  return full;
}

function isMethod(value: unknown): value is Method {
  return typeof value === "function";
}
