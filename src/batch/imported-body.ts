import { closeSync, openSync, readSync } from "node:fs";
import { readJson } from "../api/read-json.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { ProblemError } from "../graph/problem.ts";

export type RequestBody = JsonObject & { readonly model: string };

/** The body of a request's line, if it names a model. */
export function bodyOf(line: JsonValue | undefined): RequestBody | undefined {
  const body = isJsonObject(line) ? line["body"] : undefined;
  const model = isJsonObject(body) ? body["model"] : undefined;
  return isJsonObject(body) && typeof model === "string" ? { ...body, model } : undefined;
}

/** The same of the line at these bytes of a file. Throws a ProblemError when it is no longer there, or is another. */
export function bodyAt(
  { path, offset, length }: { readonly path: string; readonly offset: number; readonly length: number },
  isSame: (body: RequestBody) => boolean,
): RequestBody {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(length);
    readSync(file, bytes, 0, length, offset);
    const body = bodyOf(readJson(bytes.toString("utf8")));
    if (body !== undefined && isSame(body)) return body;
  } finally {
    closeSync(file);
  }
  throw new ProblemError({
    kind: "missing-input",
    where: path,
    message: "it was changed while it was imported.",
    fix: "Import it again when nothing writes to it any more.",
  });
}
