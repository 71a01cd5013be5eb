import { createHash, hash } from "node:crypto";
import xxhash from "xxhash-wasm";
import { canonicalJson, type JsonValue } from "./json.ts";

/**
 * Two hashes, two jobs.
 * A Digest (SHA-256, 64 hex digits) names a blob, is checked on restore, and is what other machines see.
 * A Fingerprint (XXH64 under two seeds, 32 hex digits) only answers "did this change?": file inputs, action keys, request ids.
 */
export type Digest = string & { readonly __brand: "Digest" };
export type Fingerprint = string & { readonly __brand: "Fingerprint" };
/** The fingerprint of an action manifest: recipe identity + the content of its direct inputs. */
export type ActionKey = Fingerprint & { readonly __key: "ActionKey" };

const { h64Raw, create64 } = await xxhash();
const SEED_A = 0n;
const SEED_B = 0x9e3779b97f4a7c15n;

export function digestOf(data: Uint8Array | string): Digest {
  return hash("sha256", data, "hex") as Digest;
}

/** A digest fed piece by piece; equal to `digestOf` of the pieces joined. */
export function digestStream(): { update(chunk: Uint8Array): void; end(): Digest } {
  const hash = createHash("sha256");
  return { update: (chunk) => void hash.update(chunk), end: () => hash.digest("hex") as Digest };
}

/** Short texts are written here, one after another: a key is worked out for each of thousands of targets. */
const SHORT = Buffer.allocUnsafeSlow(4096);

export function fingerprintOf(data: Uint8Array | string): Fingerprint {
  const bytes = typeof data === "string" ? bytesOf(data) : data;
  return joinHalves(h64Raw(bytes, SEED_A), h64Raw(bytes, SEED_B));
}

/** A text's bytes, good until the next is asked for. */
function bytesOf(text: string): Uint8Array {
  // UTF-8 takes at most three bytes for each of a text's units.
  return 3 * text.length > SHORT.length ? Buffer.from(text) : SHORT.subarray(0, SHORT.write(text));
}

/** The fingerprint of a JSON value, the same under any key order or formatting. */
export function fingerprintOfJson(value: JsonValue): Fingerprint {
  return fingerprintOf(canonicalJson(value));
}

/** A fingerprint fed piece by piece; equal to `fingerprintOf` of the pieces joined. */
export function fingerprintStream(): { update(chunk: Uint8Array): void; end(): Fingerprint } {
  const a = create64(SEED_A);
  const b = create64(SEED_B);
  return {
    update(chunk) {
      a.update(chunk);
      b.update(chunk);
    },
    end: () => joinHalves(a.digest(), b.digest()),
  };
}

function joinHalves(a: bigint, b: bigint): Fingerprint {
  return (a.toString(16).padStart(16, "0") + b.toString(16).padStart(16, "0")) as Fingerprint;
}

export function isDigest(text: string): text is Digest {
  return /^[0-9a-f]{64}$/.test(text);
}

export function isFingerprint(text: string): text is Fingerprint {
  return /^[0-9a-f]{32}$/.test(text);
}
