import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { BusboyFileStream } from "@fastify/busboy";
import type { Digest } from "../graph/digest.ts";
import { err, ok, type Result } from "../graph/result.ts";

/** A `multipart/form-data` body taken apart. */
export interface Form {
  readonly fields: ReadonlyMap<string, string>;
  readonly files: readonly ReceivedFile[];
}

interface ReceivedFile {
  readonly field: string;
  readonly filename: string;
  readonly bytes: number;
  readonly digest: Digest;
}

const LONGEST_FIELD = 64 * 1024;

/**
 * Reads a form. Files are streamed, so that 200 MB are never held: `keepAt` names where the one file goes; without it up
 * to `files` of them are read for their digests alone. Returns what is wrong with a body that is no such form, or that
 * ends too early.
 */
export async function receiveForm(
  body: AsyncIterable<Uint8Array>,
  headers: IncomingHttpHeaders,
  options: { readonly files: number; readonly keepAt?: string },
): Promise<Result<Form, string>> {
  const contentType = headers["content-type"] ?? "";
  if (!/^multipart\/form-data\s*;.*boundary=/i.test(contentType)) return err("expected a multipart/form-data body");
  const fields = new Map<string, string>();
  const files: Promise<ReceivedFile>[] = [];
  let fault: string | undefined;
  const { Busboy } = await import("@fastify/busboy");
  const parser = new Busboy({
    headers: { "content-type": contentType },
    limits: { files: options.files, fieldSize: LONGEST_FIELD },
    isPartAFile: (_field, _type, filename) => filename !== undefined,
  });
  parser.on("field", (name, value, _, truncated) => {
    fields.set(name, value);
    if (truncated) fault = `the field ${name} is too long`;
  });
  parser.on("filesLimit", () => {
    fault = "the form holds too many files";
  });
  parser.on("file", (field, stream, filename) => {
    const received = receiveFile(stream, options.keepAt).then((file) => ({
      field,
      filename: unescaped(filename),
      ...file,
    }));
    // Whether it arrived is asked below, when the whole body has been read.
    received.catch(() => undefined);
    files.push(received);
  });
  try {
    await pipeline(Readable.from(body), parser);
    const received = await Promise.all(files);
    return fault === undefined ? ok({ fields, files: received }) : err(fault);
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}

async function receiveFile(
  stream: BusboyFileStream,
  keepAt: string | undefined,
): Promise<{ readonly bytes: number; readonly digest: Digest }> {
  const hash = createHash("sha256");
  let bytes = 0;
  async function* counted(chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
      if (keepAt !== undefined) yield chunk;
    }
  }
  await pipeline(stream, counted, keepAt === undefined ? new PassThrough().resume() : createWriteStream(keepAt));
  return { bytes, digest: hash.digest("hex") as Digest };
}

/** Browsers and undici write a quote or a line end in a name as the HTML standard says. */
function unescaped(filename: string): string {
  return filename.replace(/%(?:22|0D|0A)/gi, (code) => decodeURIComponent(code));
}
