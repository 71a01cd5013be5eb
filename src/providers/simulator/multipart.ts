import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { Digest } from "../../graph/digest.ts";
import { err, ok, type Result } from "../../graph/result.ts";

/** A `multipart/form-data` body taken apart, with its file already on disk. */
export interface Form {
  readonly fields: ReadonlyMap<string, string>;
  readonly file: ReceivedFile | undefined;
}

interface ReceivedFile {
  readonly field: string;
  readonly filename: string;
  readonly bytes: number;
  readonly digest: Digest;
}

const LONGEST_HEADERS = 16 * 1024;
const LONGEST_FIELD = 64 * 1024;
const HEADERS_END = Buffer.from("\r\n\r\n");

/** The boundary in a content-type header, or undefined when it announces no form. */
export function boundaryIn(contentType: string | undefined): string | undefined {
  const match = /^multipart\/form-data\s*;.*?boundary=(?:"([^"]{1,200})"|([^\s;]{1,200}))/i.exec(contentType ?? "");
  return match?.[1] ?? match?.[2];
}

/**
 * Reads a form, streaming its (one) file to `path` so that 200 MB are never held. Returns what is wrong with a body that
 * is no such form, or that ends too early.
 */
export async function receiveForm(
  body: AsyncIterable<Uint8Array>,
  boundary: string,
  path: string,
): Promise<Result<Form, string>> {
  // A first CRLF makes the first boundary look like all others.
  const parser = new FormParser(boundary, path);
  try {
    await parser.take(Buffer.from("\r\n"));
    for await (const chunk of body) await parser.take(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  } finally {
    await parser.close();
  }
  return parser.form();
}

type Part = { readonly kind: "skipped" } | { readonly kind: "field"; readonly name: string; text: string } | FilePart;
interface FilePart {
  readonly kind: "file";
  readonly name: string;
  readonly filename: string;
  readonly handle: FileHandle;
  readonly hash: ReturnType<typeof createHash>;
  bytes: number;
}

/** One pass over the body: at most one delimiter's length of it waits for the next chunk. */
class FormParser {
  readonly #delimiter: Buffer;
  readonly #path: string;
  readonly #fields = new Map<string, string>();
  #file: ReceivedFile | undefined;
  #pending: Buffer = Buffer.alloc(0);
  #state: "content" | "after-delimiter" | "headers" | "done" = "content";
  #part: Part = { kind: "skipped" };
  #fault: string | undefined;

  constructor(boundary: string, path: string) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`);
    this.#path = path;
  }

  async take(chunk: Buffer): Promise<void> {
    if (this.#fault !== undefined || this.#state === "done") return;
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (await this.#step()) {
      // Each step consumes a part of `pending`, so this ends with it.
    }
  }

  form(): Result<Form, string> {
    if (this.#fault !== undefined) return err(this.#fault);
    if (this.#state !== "done") return err("the form ends before its closing boundary");
    return ok({ fields: this.#fields, file: this.#file });
  }

  async close(): Promise<void> {
    if (this.#part.kind === "file") await this.#part.handle.close();
    this.#part = { kind: "skipped" };
  }

  /** Consumes one element; false when more bytes are needed first. */
  async #step(): Promise<boolean> {
    if (this.#fault !== undefined) return false;
    switch (this.#state) {
      case "content":
        return this.#content();
      case "after-delimiter":
        return this.#afterDelimiter();
      case "headers":
        return this.#headers();
      case "done":
        return false;
    }
  }

  async #content(): Promise<boolean> {
    const at = this.#pending.indexOf(this.#delimiter);
    const end = at === -1 ? Math.max(0, this.#pending.length - this.#delimiter.length + 1) : at;
    await this.#write(this.#pending.subarray(0, end));
    if (at === -1) {
      this.#pending = this.#pending.subarray(end);
      return false;
    }
    await this.#endPart();
    this.#pending = this.#pending.subarray(at + this.#delimiter.length);
    this.#state = "after-delimiter";
    return true;
  }

  #afterDelimiter(): boolean {
    if (this.#pending.length < 2) return false;
    const mark = this.#pending.subarray(0, 2).toString("latin1");
    if (mark === "--") {
      this.#state = "done";
      return false;
    }
    if (mark !== "\r\n") {
      this.#fault = "a boundary is followed by something else than a line end";
      return false;
    }
    // The CRLF stays: a part without headers then also ends them with CRLFCRLF.
    this.#state = "headers";
    return true;
  }

  async #headers(): Promise<boolean> {
    const at = this.#pending.indexOf(HEADERS_END);
    if (at === -1) {
      if (this.#pending.length > LONGEST_HEADERS) this.#fault = "a part's headers are too long";
      return false;
    }
    const headers = this.#pending.subarray(0, at).toString("utf8");
    this.#pending = this.#pending.subarray(at + HEADERS_END.length);
    await this.#beginPart(headers);
    this.#state = "content";
    return true;
  }

  async #beginPart(headers: string): Promise<void> {
    const disposition = /^content-disposition:\s*form-data\s*;(.*)$/im.exec(headers)?.[1] ?? "";
    const name = parameter(disposition, "name");
    const filename = parameter(disposition, "filename");
    if (name === undefined) {
      this.#part = { kind: "skipped" };
    } else if (filename === undefined) {
      this.#part = { kind: "field", name, text: "" };
    } else if (this.#file !== undefined) {
      this.#fault = "the form holds more than one file";
    } else {
      const handle = await open(this.#path, "w");
      this.#part = { kind: "file", name, filename, handle, hash: createHash("sha256"), bytes: 0 };
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    const part = this.#part;
    if (bytes.length === 0) return;
    if (part.kind === "field") {
      part.text += bytes.toString("latin1");
      if (part.text.length > LONGEST_FIELD) this.#fault = `the field ${part.name} is too long`;
    } else if (part.kind === "file") {
      part.hash.update(bytes);
      part.bytes += bytes.length;
      await part.handle.writeFile(bytes);
    }
  }

  async #endPart(): Promise<void> {
    const part = this.#part;
    this.#part = { kind: "skipped" };
    if (part.kind === "field") {
      this.#fields.set(part.name, Buffer.from(part.text, "latin1").toString("utf8"));
    } else if (part.kind === "file") {
      await part.handle.close();
      const digest = part.hash.digest("hex") as Digest;
      this.#file = { field: part.name, filename: part.filename, bytes: part.bytes, digest };
    }
  }
}

/** A quoted parameter, with the escapes that browsers and undici write (`%22`, `%0D`, `%0A`). */
function parameter(disposition: string, name: string): string | undefined {
  const match = new RegExp(`(?:^|;)\\s*${name}="([^"]*)"`, "i").exec(disposition);
  return match?.[1]?.replace(/%(22|0D|0A|5C)/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
