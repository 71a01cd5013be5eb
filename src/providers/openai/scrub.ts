/** Pieces of a key shorter than this are too common to be told from ordinary words. */
const PIECE = 8;
const MARK = "[key]";

/**
 * A text with everything that could be (part of) a key taken out. OpenAI's 401 echoes the beginning and the end of the
 * key it was given (`sk-ab***********yz`), proxies echo whole headers; messages end up in logs and issue reports.
 */
export function scrubSecrets(text: string, apiKey: string): string {
  return maskPieces(text, apiKey)
    .replace(/\bBearer\s+[^\s"',;]+/gi, `Bearer ${MARK}`)
    .replace(/\b(?:sk|sess|pk|rk)-[A-Za-z0-9_*.…-]+/g, MARK)
    .replace(/(key provided:\s*)[^\s"',;]+/gi, `$1${MARK}`)
    .replace(/[A-Za-z0-9_-]*\*{3,}[A-Za-z0-9_*-]*/g, MARK);
}

/** Masks every stretch of the text that is a stretch of the key of at least `PIECE` characters. */
function maskPieces(text: string, apiKey: string): string {
  if (apiKey.length < PIECE) return apiKey === "" ? text : text.replaceAll(apiKey, MARK);
  let out = "";
  let at = 0;
  while (at < text.length) {
    const length = sharedLength(text, at, apiKey);
    out += length >= PIECE ? MARK : (text[at] ?? "");
    at += length >= PIECE ? length : 1;
  }
  return out;
}

/** How many characters of the text, from `at` on, are found in the key in one piece; at least `PIECE`, or 0. */
function sharedLength(text: string, at: number, apiKey: string): number {
  if (at + PIECE > text.length) return 0;
  const start = apiKey.indexOf(text.slice(at, at + PIECE));
  if (start === -1) return 0;
  let length = PIECE;
  while (at + length < text.length && text[at + length] === apiKey[start + length]) length++;
  return length;
}
