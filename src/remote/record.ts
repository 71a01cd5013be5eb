import { canonicalJson, isJsonObject, type JsonObject, jsonObjectIn } from "../graph/json.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { signedBy, type Writer } from "./writer.ts";

/*
 * A record says what no content can say of itself: that this request got this answer. It is believed on the word of a
 * writer that the project trusts. Signed are its version, its kind and all of its body, so that none is read as another.
 */

const VERSION = 1;

/** `untrusted`: whole, by a writer that is not on the list; `damaged`: not what any writer signed; `version`: of another dsgen. */
export type Distrust = "untrusted" | "damaged" | "version";

/** What a record says, and whose word that is. */
export interface Said {
  readonly by: string;
  readonly body: JsonObject;
}

/** The bytes of a record. */
export function sealRecord(kind: string, body: JsonObject, writer: Writer): Uint8Array {
  const sig = writer.sign(signedText(VERSION, kind, body));
  return Buffer.from(`${canonicalJson({ v: VERSION, kind, by: writer.word, sig, body })}\n`);
}

/** Who says what in a record of this kind, if a trusted writer signed it as it is. */
export function openRecord(bytes: Uint8Array, kind: string, trust: readonly string[]): Result<Said, Distrust> {
  const record = jsonObjectIn(Buffer.from(bytes).toString("utf8"));
  if (record === undefined) return err("damaged");
  const { v, by, sig, body } = record;
  if (v !== VERSION) return err("version");
  if (record["kind"] !== kind || typeof by !== "string" || typeof sig !== "string" || !isJsonObject(body))
    return err("damaged");
  if (!trust.includes(by)) return err("untrusted");
  return signedBy(by, signedText(v, kind, body), sig) ? ok({ by, body }) : err("damaged");
}

function signedText(v: number, kind: string, body: JsonObject): string {
  return `dsgen record\n${v}\n${kind}\n${canonicalJson(body)}`;
}
