import type { DoctorLine } from "../report/doctor-schema.ts";
import { countOf } from "../report/format.ts";
import { fault, ok, type Patient, skipped } from "./doctor-finding.ts";
import { sharedCaches } from "./remote-caches.ts";

/** Each call is tried four times. */
const LIMIT_SECONDS = 2;
/** No content has this name: what is asked is only whether there is an answer. */
const NOBODYS = `v1/cas/00/${"0".repeat(64)}`;

/** What `dsgen doctor` finds of the caches that the config shares answers through. */
export async function shared({ context, root, read }: Patient): Promise<readonly DoctorLine[]> {
  if (read.settings === undefined) return [skipped("sharing", "not looked at: the config is to be mended first")];
  const { remote: config } = read.settings.dsgen;
  if (config === null)
    return [ok("sharing", "no shared cache is named: answers are on this machine alone (docs/sharing.md)")];
  const timeout_seconds = Math.min(config.timeout_seconds, LIMIT_SECONDS);
  const lines: DoctorLine[] = [];
  for (const { remote, writable } of sharedCaches({ ...config, timeout_seconds }, root, context.io.env)) {
    const there = await remote.has(NOBODYS, context.signal);
    const how = writable ? "read, and written by dsgen push" : "read only";
    if (there.ok) lines.push(ok("sharing", `${remote.label} answers; it is ${how}`));
    else
      lines.push(
        fault("sharing", `${remote.label}: ${there.error.message}.`, "See docs/sharing.md; builds go on without."),
      );
  }
  if (config.trust.length === 0)
    lines.push(
      fault(
        "sharing",
        "remote.trust names no key: nothing shared is believed.",
        "Add a writer: dsgen remote trust KEY.",
      ),
    );
  else lines.push(ok("sharing", `${countOf(config.trust.length, "writer")} trusted`));
  if (config.share !== "answers")
    lines.push(ok("sharing", "paid answers are shared only where push and pull are given --answers"));
  return lines;
}
