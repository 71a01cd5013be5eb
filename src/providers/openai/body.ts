import { open, rename, rm } from "node:fs/promises";
import type { Download } from "../../batch/provider.ts";
import { faultPoint } from "../../engine/fault-points.ts";
import { BadAnswer } from "./failures.ts";

/** An answer's text, whole. Throws BadAnswer when it is torn or falls silent. */
export async function readText(response: Response, idleTimeoutMs: number): Promise<string> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let text = "";
  for await (const chunk of chunks(response, idleTimeoutMs)) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

/** As much of a failed answer's text as comes: its status counts even when its explanation is torn. */
export async function readErrorText(response: Response, idleTimeoutMs: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const chunk of chunks(response, idleTimeoutMs)) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > 1_000_000) break;
    }
  } catch (error) {
    if (!(error instanceof BadAnswer)) throw error;
  }
  return text;
}

/**
 * Streams a body into `destination`: beside it first, fsynced, and renamed only when it is whole. Throws BadAnswer for a
 * body that is shorter or longer than announced, falls silent, or is an HTML page; nothing is left behind then.
 */
export async function saveBody(response: Response, destination: string, idleTimeoutMs: number): Promise<Download> {
  if (/\bhtml\b/i.test(response.headers.get("content-type") ?? "")) {
    await response.body?.cancel().catch(() => undefined);
    throw new BadAnswer("expected a file's content, found an HTML page");
  }
  const announced = announcedLength(response);
  const partial = `${destination}.part`;
  const file = await open(partial, "w");
  let bytes = 0;
  try {
    for await (const chunk of chunks(response, idleTimeoutMs)) {
      if (bytes === 0 && looksLikeHtml(chunk)) throw new BadAnswer("expected a file's content, found an HTML page");
      faultPoint("provider.download.write");
      await file.writeFile(chunk);
      bytes += chunk.length;
    }
    if (announced !== null && bytes !== announced) {
      throw new BadAnswer(`the body was announced with ${announced} bytes, and ${bytes} came`);
    }
    faultPoint("provider.download.sync");
    await file.sync();
    await file.close();
    faultPoint("provider.download.rename.before");
    await rename(partial, destination);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(partial, { force: true });
    throw error;
  }
  return { path: destination, bytes };
}

/** The announced length, or null where the header speaks of compressed bytes or is absent. */
function announcedLength(response: Response): number | null {
  const encoding = response.headers.get("content-encoding");
  if (encoding !== null && encoding !== "identity") return null;
  const length = response.headers.get("content-length");
  return length !== null && /^\d+$/.test(length) ? Number(length) : null;
}

function looksLikeHtml(chunk: Uint8Array): boolean {
  return /^\s*<(?:!doctype|html)/i.test(new TextDecoder().decode(chunk.subarray(0, 64)));
}

/** The body's chunks, each awaited at most `idleTimeoutMs`. The client's own time-out ends with the headers. */
async function* chunks(response: Response, idleTimeoutMs: number): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  let whole = false;
  try {
    for (;;) {
      const next = await withinIdleTime(reader.read(), idleTimeoutMs);
      if (next.done) {
        whole = true;
        return;
      }
      yield next.value;
    }
  } finally {
    // Not awaited: a server that went silent does not answer a cancel either.
    if (!whole) reader.cancel().catch(() => undefined);
  }
}

async function withinIdleTime<T>(read: Promise<T>, idleTimeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new BadAnswer("the body stopped coming before its end")), idleTimeoutMs);
  });
  try {
    return await Promise.race([read.catch(asTorn), silence]);
  } finally {
    clearTimeout(timer);
  }
}

function asTorn(error: unknown): never {
  const reason = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : "";
  throw new BadAnswer(`the connection broke in the middle of the body (${reason})`);
}
