import type { RemoteView } from "./job.ts";
import type { RemoteBatch } from "./provider.ts";

/** A batch as the journal keeps it. */
export function remoteView({ status, counts, outputFileId, errorFileId, errors }: RemoteBatch): RemoteView {
  return { status, ...counts, outputFileId, errorFileId, errors };
}

/** False when a look has shown anything new. */
export function sameRemote(a: RemoteView | null, b: RemoteView): boolean {
  return (
    a !== null &&
    a.status === b.status &&
    a.total === b.total &&
    a.completed === b.completed &&
    a.failed === b.failed &&
    a.outputFileId === b.outputFileId &&
    a.errorFileId === b.errorFileId &&
    a.errors.length === b.errors.length
  );
}
