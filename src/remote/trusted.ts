import { digestOf } from "../graph/digest.ts";
import { ok, type Result } from "../graph/result.ts";
import { type Distrust, openRecord, type Said } from "./record.ts";
import type { Remote, RemoteFailure, Reply } from "./remote.ts";
import { writerFolder } from "./writer.ts";

/* The records of those whom a project trusts: which there are, and what they say. */

/** What of a shared cache may be taken. */
export interface Source {
  readonly remote: Remote;
  readonly project: string;
  /** The public halves of the writers that are believed. */
  readonly trust: readonly string[];
}

/** Records that were not believed, by why. `foreign`: of another project, or of what is no such thing. */
export type Ignored = Record<Distrust | "foreign", number>;

export function nothingIgnored(): Ignored {
  return { untrusted: 0, damaged: 0, version: 0, foreign: 0 };
}

/** The names of a folder's records that lie where a trusted writer's do; the others are counted. */
export async function trustedNames(
  { remote, trust }: Source,
  folder: string,
  ignored: Ignored,
  signal: AbortSignal,
): Promise<Result<readonly string[], RemoteFailure>> {
  const listed = await remote.list(folder, signal);
  if (!listed.ok) return listed;
  const trusted = trust.map((word) => `${folder}/${writerFolder(word)}/`);
  const ours = listed.value.filter((name) => trusted.some((start) => name.startsWith(start)));
  ignored.untrusted += listed.value.length - ours.length;
  return ok(ours);
}

/** Who says what in a record, if it is believed. Undefined, and counted, where it is not; a listing may also name what is gone. */
export async function trustedRecord(
  { remote, trust }: Source,
  name: string,
  kind: string,
  ignored: Ignored,
  signal: AbortSignal,
): Reply<Said | undefined> {
  const got = await remote.get(name, signal);
  if (!got.ok) return got;
  if (got.value === undefined) return ok(undefined);
  const opened = openRecord(got.value, kind, trust);
  const named = name.endsWith(`${digestOf(got.value)}.json`);
  if (opened.ok && named) return ok(opened.value);
  ignored[opened.ok ? "damaged" : opened.error]++;
  return ok(undefined);
}
