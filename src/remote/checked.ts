import { type Digest, digestOf } from "../graph/digest.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { limited } from "./limited.ts";
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

/** A file that a record names, by its digest. */
export interface NamedFile {
  readonly digest: Digest;
  /** Undefined where it cannot be read. */
  content(): Promise<Uint8Array | undefined>;
}

/* There while `remote gc` removes files that no record names. */
const MARKS = "v1/removing";
const MARK = `${MARKS}/files`;
/** It goes on for no longer; a mark that is older was left by one that was killed. */
const MAY_REMOVE_MS = 3_600_000;

/** Does what removes files, with the mark set meanwhile. Nothing is done where marks, and so files, cannot be removed. */
export async function removing(
  remote: Remote,
  signal: AbortSignal,
  work: (within: AbortSignal) => Promise<RemoteFailure | undefined>,
): Promise<RemoteFailure | undefined> {
  const cleared = await remote.remove(MARK, signal);
  if (!cleared.ok) return cleared.error;
  const says = Buffer.from("dsgen remote gc removes files here; where it was cut off, run it again\n");
  const set = await remote.putIfAbsent(MARK, says, signal);
  if (!set.ok) return set.error;
  const failure = await limited(signal, MAY_REMOVE_MS / 2, work);
  // Also after Ctrl-C: the others wait for this.
  const end = await remote.remove(MARK, new AbortController().signal);
  return failure ?? (end.ok ? undefined : end.error);
}

/**
 * Why nothing is to be put just now. Asked before a push looks at what is there: whoever begins to remove later reads the
 * records that it finds. And by `putRecord` once a new record is there.
 */
export async function whileRemoving(
  remote: Remote,
  signal: AbortSignal,
  now = Date.now(),
): Promise<RemoteFailure | undefined> {
  const marked = await remote.has(MARK, signal);
  if (!marked.ok || !marked.value) return marked.ok ? undefined : marked.error;
  const marks = await remote.entries(MARKS, signal);
  if (!marks.ok) return marks.error;
  if (marks.value.every(({ writtenAt }) => writtenAt !== null && writtenAt < now - MAY_REMOVE_MS)) return undefined;
  return { kind: "busy", message: "dsgen remote gc is at work there; where it was cut off, run it again" };
}

/**
 * Puts what a record names and then the record; how many bytes of files were sent, or undefined, and no record put, where one
 * cannot be read.
 *
 * A file that was there already may be removed until the record names it. Where nobody removes anything once the record is
 * there, whoever begins to reads the record first; and what is gone by then is put again.
 */
export async function putRecord(
  remote: Remote,
  files: readonly NamedFile[],
  record: { readonly name: string; readonly bytes: Uint8Array; readonly isThere?: boolean },
  signal: AbortSignal,
): Reply<number | undefined> {
  let sent = 0;
  const found: NamedFile[] = [];
  for (const file of files) {
    const content = await file.content();
    if (content === undefined) return ok(undefined);
    const put = await putBlob(remote, file.digest, content, signal);
    if (!put.ok) return put;
    sent += put.value;
    if (put.value === 0) found.push(file);
  }
  if (record.isThere === true) return ok(sent);
  const put = await remote.putIfAbsent(record.name, record.bytes, signal);
  if (!put.ok) return put;
  if (found.length === 0) return ok(sent);
  const removing = await whileRemoving(remote, signal);
  if (removing !== undefined) return err(removing);
  for (const { digest, content } of found) {
    const bytes = await content();
    if (bytes === undefined) return ok(undefined);
    const again = await putBlob(remote, digest, bytes, signal);
    if (!again.ok) return again;
    sent += again.value;
  }
  return ok(sent);
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
