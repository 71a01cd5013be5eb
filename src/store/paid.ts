import { type Digest, isDigest } from "../graph/digest.ts";
import type { JsonValue } from "../graph/json.ts";
import { scanCheckedFile } from "./checked-lines.ts";
import { naming } from "./durable.ts";
import { shown } from "./layout.ts";
import { responseFiles, scanResponses } from "./responses.ts";
import type { Store } from "./store.ts";

/**
 * Every blob that the cache itself says was paid for: named by a response index, or anywhere in a journal record (what
 * a record means is not this folder's business; a digest in one is reason enough to keep the blob). Reads the files, not
 * what this process remembers of them, and both before the caller deletes anything.
 */
export function paidBlobs({ paths }: Store): ReadonlySet<Digest> {
  const paid = new Set<Digest>();
  for (const path of responseFiles(paths)) scanResponses(paths, path, { entry: ({ blob }) => paid.add(blob) });
  naming(shown(paths, paths.journal), () => scanCheckedFile(paths.journal, (record) => collect(record, paid)));
  return paid;
}

function collect(value: JsonValue, into: Set<Digest>): void {
  if (typeof value === "string") {
    if (isDigest(value)) into.add(value);
  } else if (typeof value === "object" && value !== null) {
    for (const member of Object.values(value)) collect(member, into);
  }
}
