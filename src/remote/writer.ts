import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { digestOf } from "../graph/digest.ts";

/* Who wrote a record: an Ed25519 key. Its public half is a word, `ed25519:` and 43 characters, which a project may trust. */

const PREFIX = "ed25519:";

export interface Writer {
  /** The public half, as `remote.trust` has it. */
  readonly word: string;
  sign(text: string): string;
}

/** Whether a text is the public half of a key. */
export function isWriterWord(text: string): boolean {
  return /^ed25519:[A-Za-z0-9_-]{43}$/.test(text) && publicKey(text) !== undefined;
}

/** A writer's folder: names hold no capital letters, which some file systems do not tell from small ones. */
export function writerFolder(word: string): string {
  return digestOf(word).slice(0, 32);
}

/** A new private key as a PEM file's text. */
export function newWriterKey(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** The writer of a PEM file's text; undefined where it holds no Ed25519 private key. */
export function writerOf(pem: string): Writer | undefined {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    return undefined;
  }
  if (key.asymmetricKeyType !== "ed25519") return undefined;
  const { x = "" } = createPublicKey(key).export({ format: "jwk" });
  return { word: PREFIX + x, sign: (text) => sign(null, Buffer.from(text), key).toString("base64url") };
}

/** Whether the owner of this public half has signed this text. */
export function signedBy(word: string, text: string, signature: string): boolean {
  const key = publicKey(word);
  return key !== undefined && verify(null, Buffer.from(text), key, Buffer.from(signature, "base64url"));
}

function publicKey(word: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: word.slice(PREFIX.length) }, format: "jwk" });
  } catch {
    return undefined;
  }
}
