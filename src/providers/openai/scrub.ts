const MARK = "[key]";
const STAR = 0x2a;
const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const SLASH = 0x2f;
const LETTER_U = 0x75;

/** Pieces of a key shorter than this are too common to be told from ordinary words. */
const SHOWN_PIECE = 8;
/**
 * In what is kept (answers, ids) a piece must be longer: a random id shares eight characters with a key once in a great
 * many files, and an answer that was paid for is not to be spoilt by accident.
 */
const KEPT_PIECE = 12;

/** What every key of a kind begins with (`sk-proj-`): no secret, and found in ordinary texts. */
const PUBLIC_PREFIX =
  /^(?:[a-z]{1,4}|admin|svcacct|proj|test|live|api\d\d)-(?:(?:admin|svcacct|proj|test|live|api\d\d|v\d)-)*/;

/** Takes an API key out of whatever comes from outside. Time grows as the text does, whatever is in it. */
export interface Scrubber {
  /**
   * A message: everything that could be (part of) a key is taken out. OpenAI's 401 echoes the beginning and the end of the
   * key it was given (`sk-ab***********yz`), proxies echo whole headers; messages end up in logs and issue reports.
   */
  message(text: string): string;
  /** A text that must stay as it is but for the key: an id, a name, a line for the terminal. */
  text(text: string): string;
  /** A body as its pieces come. */
  body(): KeyMask;
}

export function scrubberOf(apiKey: string): Scrubber {
  const shown = stretches(apiKey, Math.min(SHOWN_PIECE, apiKey.length), () => true);
  const kept = keptStretches(apiKey);
  return {
    message: (text) =>
      masked(text, shown)
        .replace(/[A-Za-z0-9_*-]+/g, (word) => (word.includes("***") ? MARK : word))
        .replace(/\bBearer\s+[^\s"',;]+/gi, `Bearer ${MARK}`)
        .replace(/\b(?:sk|sess|pk|rk)-[A-Za-z0-9_*.…-]+/g, MARK)
        .replace(/(key provided:\s*)[^\s"',;]+/gi, `$1${MARK}`),
    text: (text) => masked(text, kept),
    body: () => new KeyMask(kept),
  };
}

function masked(text: string, what: Stretches | null): string {
  const mask = new KeyMask(what);
  const bytes = Buffer.concat([mask.push(Buffer.from(text)), mask.end()]);
  // A text without the key comes back as it is, also where it is no valid Unicode.
  return mask.found === 0 ? text : bytes.toString("utf8");
}

/** The stretches of one length that are looked for, and what tells quickly that there is none. */
interface Stretches {
  readonly length: number;
  readonly all: ReadonlySet<string>;
  /** By character: it occurs in a stretch. */
  readonly characters: Uint8Array;
  /** By a stretch's last two characters. */
  readonly endings: Uint8Array;
}

/** A key that its provider made, or a word that somebody chose for a server of their own, which is looked for whole. */
function keptStretches(apiKey: string): Stretches | null {
  // A server without keys is given "EMPTY" or "none": such words are no secret, and answers hold them.
  if (apiKey.length < SHOWN_PIECE) return null;
  const prefix = PUBLIC_PREFIX.exec(apiKey)?.[0].length ?? 0;
  const secret = apiKey.slice(prefix);
  if (secret.length < 16 || !/\d/.test(secret) || !/[A-Za-z]/.test(secret))
    return stretches(apiKey, apiKey.length, () => true);
  // A number is what embeddings are made of.
  return stretches(apiKey, KEPT_PIECE, (piece, at) => at + KEPT_PIECE > prefix && !/^[\d.eE+-]+$/.test(piece));
}

/** As it is, as it stands in an address, and in the form of basic authentication. */
function stretches(key: string, length: number, counts: (piece: string, at: number) => boolean): Stretches | null {
  if (length === 0) return null;
  const all = new Set<string>();
  for (const form of new Set([key, encodeURIComponent(key), Buffer.from(key).toString("base64")])) {
    for (let at = 0; at + length <= form.length; at++) {
      const piece = form.slice(at, at + length);
      if (counts(piece, form === key ? at : length)) all.add(piece);
    }
  }
  const characters = new Uint8Array(256);
  const endings = new Uint8Array(1 << 16);
  for (const piece of all) {
    for (const byte of Buffer.from(piece, "latin1")) characters[byte] = 1;
    endings[((length === 1 ? 0 : piece.charCodeAt(length - 2)) << 8) | piece.charCodeAt(length - 1)] = 1;
  }
  return { length, all, characters, endings };
}

/**
 * Writes stars over every stretch of the key in a stream of bytes, wherever the pieces are cut, also where JSON escapes
 * its characters. The number of bytes stays, so that lengths, offsets and the JSON around it hold.
 */
export class KeyMask {
  /** How many places were written over. */
  found = 0;
  readonly #what: Stretches | null;
  /** The end of what came, as it came and as it goes on: a stretch may have begun in it. */
  #raw: Buffer = Buffer.alloc(0);
  #out: Buffer = Buffer.alloc(0);
  /** Up to where, in what is held back, stars were written. */
  #starred = 0;

  constructor(what: Stretches | null) {
    this.#what = what;
  }

  push(chunk: Uint8Array): Uint8Array {
    return this.#what === null ? chunk : this.#scan(this.#what, chunk, false);
  }

  /** What was held back. */
  end(): Uint8Array {
    return this.#what === null ? Buffer.alloc(0) : this.#scan(this.#what, Buffer.alloc(0), true);
  }

  #scan({ length, all, characters, endings }: Stretches, chunk: Uint8Array, last: boolean): Buffer {
    const raw = Buffer.concat([this.#raw, chunk]);
    const out = Buffer.concat([this.#out, chunk]);
    let starred = this.#starred;
    const starts = new Int32Array(length);
    const codes = Buffer.alloc(length * 2);
    let [run, at, before] = [0, 0, 0];
    while (at < raw.length) {
      let code = raw[at] ?? 0;
      let next = at + 1;
      if (code === BACKSLASH) {
        if (!last && at + 6 > raw.length) break;
        [code, next] = escaped(raw, at);
      }
      if (characters[code] === 0) run = 0;
      else {
        // The last `length` characters, twice over so that they can be read in one piece.
        const slot = run % length;
        starts[slot] = at;
        codes[slot] = code;
        codes[slot + length] = code;
        run++;
        if (run >= length && endings[((length === 1 ? 0 : before) << 8) | code] === 1) {
          const first = run % length;
          if (all.has(codes.toString("latin1", first, first + length))) {
            const from = starts[first] ?? 0;
            if (from >= starred) this.found++;
            out.fill(STAR, from, next);
            starred = next;
          }
        }
      }
      before = code;
      at = next;
    }
    const keep = Math.min(run, length - 1);
    const held = last ? raw.length : keep === 0 ? at : (starts[(run - keep) % length] ?? at);
    this.#raw = raw.subarray(held);
    this.#out = out.subarray(held);
    this.#starred = Math.max(0, starred - held);
    return out.subarray(0, held);
  }
}

/** The character that a backslash begins, in JSON, and where the next one begins; 0 for one that no key holds. */
function escaped(raw: Buffer, at: number): [code: number, next: number] {
  const kind = raw[at + 1] ?? 0;
  if (kind === BACKSLASH || kind === QUOTE || kind === SLASH) return [kind, at + 2];
  const digits = kind === LETTER_U ? raw.toString("latin1", at + 2, at + 6) : "";
  // What is no JSON may have a backslash before anything, the key too.
  if (!/^[0-9A-Fa-f]{4}$/.test(digits)) return [0, at + 1];
  const code = Number.parseInt(digits, 16);
  return [code > 0xff ? 0 : code, at + 6];
}
