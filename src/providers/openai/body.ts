import { open, rename, rm } from "node:fs/promises";
import type { Download } from "../../batch/provider.ts";
import { faultPoint } from "../../engine/fault-points.ts";
import { BadAnswer } from "./failures.ts";
import type { Scrubber } from "./scrub.ts";

/** How a body is read. */
export interface BodyReading {
  /** How long it may be silent, and the time in which at least `SLOWEST_BYTES_PER_SECOND` must come. */
  readonly idleTimeoutMs: number;
  readonly scrubber: Scrubber;
}

export interface BodyText {
  readonly text: string;
  /** In how many places the key stood. */
  readonly masked: number;
}

/** Slower than that, it counts as silent: a download that trickles would hold a build for weeks. */
const SLOWEST_BYTES_PER_SECOND = 1000;
/** More than any page of a list or answer to one request has. What comes compressed counts by what it unpacks to. */
const LONGEST_TEXT = 64 * 1024 * 1024;
const LONGEST_ERROR_TEXT = 1_000_000;

/**
 * An answer's text, whole but for the key.
 * Throws BadAnswer when it is torn, falls silent or is longer than any answer.
 */
export async function readText(response: Response, reading: BodyReading, longest = LONGEST_TEXT): Promise<BodyText> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const mask = reading.scrubber.body();
  let [text, bytes] = ["", 0];
  for await (const chunk of chunks(response, reading.idleTimeoutMs)) {
    bytes += chunk.length;
    if (bytes > longest) throw new BadAnswer(`expected an answer of at most ${longest} bytes, and more came`);
    text += decoder.decode(mask.push(chunk), { stream: true });
  }
  text += decoder.decode(mask.end());
  return { text, masked: mask.found };
}

/** As much of a failed answer's text as comes: its status counts even when its explanation is torn. */
export async function readErrorText(response: Response, { idleTimeoutMs, scrubber }: BodyReading): Promise<BodyText> {
  const decoder = new TextDecoder();
  const mask = scrubber.body();
  let text = "";
  try {
    for await (const chunk of chunks(response, idleTimeoutMs)) {
      text += decoder.decode(mask.push(chunk), { stream: true });
      if (text.length > LONGEST_ERROR_TEXT) break;
    }
  } catch (error) {
    if (!(error instanceof BadAnswer)) throw error;
  }
  text += decoder.decode(mask.end());
  return { text, masked: mask.found };
}

/**
 * Streams a body into `destination`: beside it first, fsynced, and renamed only when it is whole. Of a body of more than
 * `longest` bytes so many are kept, for they may have been paid for. Throws BadAnswer for a body that is shorter or longer
 * than announced, falls silent, or is an HTML page; nothing is left behind then.
 */
export async function saveBody(
  response: Response,
  destination: string,
  longest: number,
  { idleTimeoutMs, scrubber }: BodyReading,
): Promise<Download> {
  if (/\bhtml\b/i.test(response.headers.get("content-type") ?? "")) {
    await response.body?.cancel().catch(() => undefined);
    throw new BadAnswer("expected a file's content, found an HTML page");
  }
  const announced = announcedLength(response);
  const partial = `${destination}.part`;
  const file = await open(partial, "w");
  const mask = scrubber.body();
  let [bytes, cut] = [0, false];
  try {
    for await (const chunk of chunks(response, idleTimeoutMs)) {
      if (bytes === 0 && looksLikeHtml(chunk)) throw new BadAnswer("expected a file's content, found an HTML page");
      faultPoint("provider.download.write");
      cut = bytes + chunk.length > longest;
      const taken = cut ? chunk.subarray(0, longest - bytes) : chunk;
      await file.writeFile(mask.push(taken));
      bytes += taken.length;
      if (cut) break;
    }
    if (!cut && announced !== null && bytes !== announced) {
      throw new BadAnswer(`the body was announced with ${announced} bytes, and ${bytes} came`);
    }
    await file.writeFile(mask.end());
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
  return { path: destination, bytes, cut, masked: mask.found };
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

/** The body's chunks, each awaited at most `idleTimeoutMs`, and not slower all together than a line in use. The client's own time-out ends with the headers. */
async function* chunks(response: Response, idleTimeoutMs: number): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  let whole = false;
  // The time that was waited for bytes, without that in which they were written to a disk that may be slow.
  let [waited, came] = [0, 0];
  try {
    for (;;) {
      const asked = performance.now();
      const next = await withinIdleTime(reader.read(), idleTimeoutMs);
      waited += performance.now() - asked;
      came += next.value?.length ?? 0;
      if (!next.done && waited >= idleTimeoutMs) {
        if (came * 1000 < waited * SLOWEST_BYTES_PER_SECOND) {
          throw new BadAnswer(`the body came slower than ${SLOWEST_BYTES_PER_SECOND} bytes a second`);
        }
        [waited, came] = [0, 0];
      }
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
