import type { ActionManifest, BlobStore, Trace } from "../engine/ports.ts";
import { ok, type Result } from "../graph/result.ts";
import { ACTIONS, actionBody, actionName, actionsFolder, isWorthSharing, keyInName } from "./action-record.ts";
import { atOnce, putBlob } from "./checked.ts";
import type { Destination } from "./push-answers.ts";
import { sealRecord } from "./record.ts";
import type { RemoteFailure } from "./remote.ts";
import { writerFolder } from "./writer.ts";

/** A result of this cache, and what it was made from. */
export interface OwnResult {
  readonly trace: Trace;
  readonly manifest: ActionManifest;
}

export interface PushedResults {
  /** Results that the shared cache has now by this writer's word. */
  results: number;
  bytes: number;
}

/**
 * Shares results that take longer to make than to fetch: the files, then a record of which action they are the result of. Not
 * what others made, and nothing that holds answers as they came: those are paid for, and shared as answers.
 */
export async function pushResults(
  results: Iterable<OwnResult>,
  blobs: Pick<BlobStore, "read" | "has">,
  { remote, project, writer }: Destination,
  signal: AbortSignal,
): Promise<{ readonly pushed: PushedResults; readonly failure: RemoteFailure | undefined }> {
  const pushed: PushedResults = { results: 0, bytes: 0 };
  const listed = await remote.list(`${actionsFolder(project)}/${writerFolder(writer.word)}`, signal);
  if (!listed.ok) return { pushed, failure: listed.error };
  const there = new Set(listed.value.map(keyInName));
  const wanted = [...results].filter(isToBeShared);
  const news = wanted.filter(({ trace }) => !there.has(trace.key));
  pushed.results = wanted.length - news.length;
  const failure = await atOnce(news, signal, async ({ trace }): Promise<Result<void, RemoteFailure>> => {
    for (const { digest } of trace.outputs) {
      const content = await blobs.read(digest);
      // Damaged here: it is made again, and shared then.
      if (!content.ok) return ok(undefined);
      const sent = await putBlob(remote, digest, content.value, signal);
      if (!sent.ok) return sent;
      pushed.bytes += sent.value;
    }
    const record = sealRecord(ACTIONS, actionBody(project, trace), writer);
    const put = await remote.putIfAbsent(actionName(project, writer.word, trace.key, record), record, signal);
    if (!put.ok) return put;
    pushed.results++;
    return ok(undefined);
  });
  return { pushed, failure };
}

function isToBeShared({ trace, manifest }: OwnResult): boolean {
  const isGated = Object.values(manifest.inputs).some((entries) => entries.some(({ kind }) => kind === "gate"));
  return trace.by === undefined && !isGated && isWorthSharing(trace);
}
