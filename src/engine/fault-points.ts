import { appendFileSync } from "node:fs";

/*
 * Named instants at which the tests may end the process or make the disk fail, so that "after a crash at any
 * instruction" is something that can be run. In use only when DSGEN_FAULT is set:
 *   DSGEN_FAULT=kill@journal.append.before#3   SIGKILL this process the third time that point is passed
 *   DSGEN_FAULT=ENOSPC@cas.adopt.write#1       throw that errno there (EIO, EACCES, … alike)
 *   DSGEN_FAULT=trace@/tmp/points.txt          append each point passed to a file
 */
type Fault =
  | { readonly kind: "none" }
  | { readonly kind: "kill"; readonly point: string; readonly nth: number }
  | { readonly kind: "errno"; readonly code: string; readonly point: string; readonly nth: number }
  | { readonly kind: "trace"; readonly file: string };

const fault: Fault = parse(process.env["DSGEN_FAULT"]);
const passed = new Map<string, number>();

/** Marks an instant by name (`<module>.<step>.<before|after|…>`). Costs one comparison when no fault is asked for. */
export function faultPoint(name: string): void {
  if (fault.kind === "none") return;
  const count = (passed.get(name) ?? 0) + 1;
  passed.set(name, count);
  switch (fault.kind) {
    case "trace":
      appendFileSync(fault.file, `${name}\n`);
      return;
    case "kill":
      if (fault.point === name && fault.nth === count) process.kill(process.pid, "SIGKILL");
      return;
    case "errno":
      if (fault.point === name && fault.nth === count) {
        throw Object.assign(new Error(`${fault.code}: injected at ${name}`), { code: fault.code });
      }
      return;
  }
}

/** True when the named point should tear its write: the caller writes half, then calls `faultPoint`. */
export function tearsAt(name: string): boolean {
  return (
    (fault.kind === "kill" || fault.kind === "errno") &&
    fault.point === name &&
    fault.nth === (passed.get(name) ?? 0) + 1
  );
}

function parse(text: string | undefined): Fault {
  if (text === undefined || text === "") return { kind: "none" };
  const match = /^(?<what>\w+)@(?<point>[^#]+)(?:#(?<nth>\d+))?$/.exec(text);
  const groups = match?.groups;
  if (groups === undefined) throw new Error(`DSGEN_FAULT=${text}: expected kill@point#n, ERRNO@point#n or trace@file`);
  const what = groups["what"] ?? "";
  const point = groups["point"] ?? "";
  const nth = Number(groups["nth"] ?? "1");
  if (what === "trace") return { kind: "trace", file: point };
  if (what === "kill") return { kind: "kill", point, nth };
  return { kind: "errno", code: what, point, nth };
}
