import { type Digest, digestOf } from "../graph/digest.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Remote, RemoteFailure, Reply } from "./remote.ts";

export function blobName(digest: Digest): string {
  return `v1/cas/${digest.slice(0, 2)}/${digest}`;
}

/** A blob's content, held against its name; undefined where there is none. Another content is `odd`: it is not taken. */
export async function getBlob(remote: Remote, digest: Digest, signal: AbortSignal): Reply<Uint8Array | undefined> {
  const got = await remote.get(blobName(digest), signal);
  if (!got.ok || got.value === undefined || digestOf(got.value) === digest) return got;
  return err({ kind: "odd", message: `the content of ${blobName(digest)} does not match its name; it was not taken` });
}

/** Puts a blob that is not there yet; how many bytes were sent. What does not match its name is a bug of the caller's. */
export async function putBlob(remote: Remote, digest: Digest, bytes: Uint8Array, signal: AbortSignal): Reply<number> {
  if (digestOf(bytes) !== digest) throw new Error(`not the content of ${digest}`);
  const there = await remote.has(blobName(digest), signal);
  if (!there.ok || there.value) return there.ok ? ok(0) : there;
  const put = await remote.putIfAbsent(blobName(digest), bytes, signal);
  if (!put.ok) return put;
  return ok(put.value === "put" ? bytes.length : 0);
}

const AT_ONCE = 8;

/** Works through a list, a few at a time, until one fails or the signal aborts; the first failure, or undefined. */
export async function atOnce<T>(
  items: readonly T[],
  signal: AbortSignal,
  work: (item: T) => Promise<Result<unknown, RemoteFailure>>,
): Promise<RemoteFailure | undefined> {
  const queue = items.values();
  let failure: RemoteFailure | undefined;
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      if (failure !== undefined) return;
      if (signal.aborted) failure = { kind: "slow", message: "its time was up before all was done" };
      else {
        const done = await work(item);
        if (!done.ok) failure ??= done.error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  return failure;
}
