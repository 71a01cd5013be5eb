import { isTerminal, type RemoteView } from "./job.ts";
import type { RemoteBatch } from "./provider.ts";

/**
 * A batch as the journal keeps it. One that is over and counts answers, but does not name the file that holds them yet, is
 * still finalizing: to collect it now would be to buy those answers again.
 */
export function remoteView(batch: RemoteBatch): RemoteView {
  const { counts, outputFileId, errorFileId, errors } = batch;
  const unnamed =
    isTerminal(batch.status) && batch.status !== "failed" && counts.completed > 0 && outputFileId === null;
  return { status: unnamed ? "finalizing" : batch.status, ...counts, outputFileId, errorFileId, errors };
}
