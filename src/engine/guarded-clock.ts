import { guards } from "./guard.ts";

let installed = false;

/** From here on, code under a guard sees the time that its guard says; everybody else sees what it is. */
export function guardClock(): void {
  if (installed) return;
  installed = true;
  const RealDate = Date;
  const now = () => RealDate.now() + (guards.getStore()?.clockAheadMs ?? 0);
  globalThis.Date = new Proxy(RealDate, {
    apply: () => new RealDate(now()).toString(),
    construct: (target, args: readonly unknown[], asked): object =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, asked),
    get: (target, name) => (name === "now" ? now : Reflect.get(target, name)),
  });
}
