import type { BlobStore } from "../engine/ports.ts";
import type { Digest } from "../graph/digest.ts";
import { canonicalJson } from "../graph/json.ts";
import { ok, type Result } from "../graph/result.ts";
import { ACTIONS, actionBody, actionName, actionsFolder, isWorthSharing } from "./action-record.ts";
import { atOnce, putRecord, whileRemoving } from "./checked.ts";
import { type Origin, type OwnResult, originsOf } from "./origins.ts";
import type { Destination } from "./push-answers.ts";
import { sealRecord } from "./record.ts";
import type { RemoteFailure } from "./remote.ts";
import { writerFolder } from "./writer.ts";

export interface PushedResults {
  /** Results that the shared cache has now by this writer's word. */
  results: number;
  /** Results that have in them what does not leave. */
  kept: number;
  bytes: number;
}

/** What may leave. */
export interface Leave {
  /** Results that have in them answers that were paid for. */
  readonly answers: boolean;
  /** Texts of this machine that nothing shared may hold: where the project lies, and its person's home. */
  readonly local: readonly string[];
}

/**
 * Shares results that take longer to make than to fetch: the files, then a record of which action they are the result of. Not
 * what others made, and nothing that holds answers as they came: those are paid for, and shared as answers. What has their texts in
 * it leaves only where answers may.
 * @param results all that the project has made: what made an input is looked for among them
 */
export async function pushResults(
  results: readonly OwnResult[],
  blobs: Pick<BlobStore, "read" | "has">,
  { remote, project, writer }: Destination,
  leave: Leave,
  signal: AbortSignal,
): Promise<{ readonly pushed: PushedResults; readonly failure: RemoteFailure | undefined }> {
  const pushed: PushedResults = { results: 0, kept: 0, bytes: 0 };
  const removing = await whileRemoving(remote, signal);
  if (removing !== undefined) return { pushed, failure: removing };
  const listed = await remote.list(`${actionsFolder(project)}/${writerFolder(writer.word)}`, signal);
  if (!listed.ok) return { pushed, failure: listed.error };
  const there = new Set(listed.value);
  const originOf = originsOf(results, blobs);
  const wanted: OwnResult[] = [];
  for (const one of results.filter(isToBeShared)) {
    if (mayLeave(await originOf(one), leave) && !(await namesMachine(one, blobs, leave))) wanted.push(one);
    else pushed.kept++;
  }
  // Its files are looked for also where its record is there: what a cache has lost is sent again.
  const failure = await atOnce(wanted, signal, async ({ trace }): Promise<Result<void, RemoteFailure>> => {
    const files = trace.outputs.map(({ digest }) => ({ digest, content: () => contentOf(blobs, digest) }));
    const bytes = sealRecord(ACTIONS, actionBody(project, trace), writer);
    const name = actionName(project, writer.word, trace.key, bytes);
    const sent = await putRecord(remote, files, { name, bytes, isThere: there.has(name) }, signal);
    // Damaged here: it is made again, and shared then.
    if (!sent.ok || sent.value === undefined) return sent.ok ? ok(undefined) : sent;
    pushed.bytes += sent.value;
    pushed.results++;
    return ok(undefined);
  });
  return { pushed, failure };
}

async function contentOf(blobs: Pick<BlobStore, "read">, digest: Digest): Promise<Uint8Array | undefined> {
  const content = await blobs.read(digest);
  return content.ok ? content.value : undefined;
}

function mayLeave(origin: Origin, { answers }: Leave): boolean {
  switch (origin) {
    case "files":
      return true;
    case "answers":
      return answers;
    case "closed":
      return false;
  }
}

async function namesMachine({ trace }: OwnResult, blobs: Pick<BlobStore, "read">, { local }: Leave): Promise<boolean> {
  const holdsOne = (bytes: Uint8Array) => local.some((text) => Buffer.from(bytes).includes(text));
  if (holdsOne(Buffer.from(canonicalJson(trace.notes)))) return true;
  for (const { digest } of trace.outputs) {
    const content = await blobs.read(digest);
    if (content.ok && holdsOne(content.value)) return true;
  }
  return false;
}

function isToBeShared({ trace, manifest }: OwnResult): boolean {
  const isGated = Object.values(manifest.inputs).some((entries) => entries.some(({ kind }) => kind === "gate"));
  return trace.by === undefined && !isGated && isWorthSharing(trace);
}
