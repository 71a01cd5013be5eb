import { isJsonList, type JsonValue } from "./json.ts";

/*
 * JSON as bytes, written piece by piece into one room: a million lines put together as strings are forty small objects each for the
 * collector, and a copy to make bytes of them.
 */

const START_BYTES = 1 << 16;
/** UTF-8 takes at most so many bytes for a unit of a string, escaped as JSON at most six. */
const WIDEST = 6;
const [QUOTE, BACKSLASH, SPACE, TILDE] = [0x22, 0x5c, 0x20, 0x7e];
const [COMMA, ZERO, OPEN_LIST, CLOSE_LIST] = [0x2c, 0x30, 0x5b, 0x5d];

export class JsonBytes {
  #room = Buffer.allocUnsafeSlow(START_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** All that was written since it was last taken; good until more is written. */
  take(): Uint8Array {
    const taken = this.#room.subarray(0, this.#length);
    this.#length = 0;
    return taken;
  }

  /** A text as it is. */
  text(text: string): void {
    this.#makeRoom(text.length);
    const room = this.#room;
    const start = this.#length;
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit > TILDE) {
        this.#length += room.write(text, start);
        return;
      }
      room[start + at] = unit;
    }
    this.#length += text.length;
  }

  /** Bytes as they are: what is written a million times is spelled once. */
  bytes(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length);
    const room = this.#room;
    const start = this.#length;
    for (let at = 0; at < bytes.length; at++) room[start + at] = bytes[at] ?? 0;
    this.#length += bytes.length;
  }

  /** Once more what was written from one length to another, since it was last taken. */
  again(start: number, end: number): void {
    this.#makeRoom(end - start);
    this.#room.copyWithin(this.#length, start, end);
    this.#length += end - start;
  }

  /** What JSON.stringify gives of a value. */
  value(value: JsonValue): void {
    if (typeof value === "string") this.#string(value);
    else if (typeof value === "number") this.#number(value);
    else if (isJsonList(value)) this.#list(value);
    else this.text(JSON.stringify(value));
  }

  #string(text: string): void {
    this.#makeRoom(text.length + 2);
    const room = this.#room;
    let to = this.#length;
    room[to++] = QUOTE;
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit < SPACE || unit > TILDE || unit === QUOTE || unit === BACKSLASH) {
        this.text(JSON.stringify(text));
        return;
      }
      room[to++] = unit;
    }
    room[to++] = QUOTE;
    this.#length = to;
  }

  #number(value: number): void {
    // Most are so small.
    if (value >= 0 && value < 100 && (value | 0) === value) {
      this.#makeRoom(2);
      if (value >= 10) this.#room[this.#length++] = ZERO + ((value / 10) | 0);
      this.#room[this.#length++] = ZERO + (value % 10);
      return;
    }
    if (!Number.isInteger(value) || value < 0 || value >= 1e9 || Object.is(value, -0)) {
      this.text(JSON.stringify(value));
      return;
    }
    let digits = 1;
    for (let power = 10; power <= value; power *= 10) digits++;
    this.#makeRoom(digits);
    let rest = value;
    for (let at = this.#length + digits - 1; at >= this.#length; at--) {
      const tenth = Math.floor(rest / 10);
      this.#room[at] = ZERO + rest - tenth * 10;
      rest = tenth;
    }
    this.#length += digits;
  }

  #list(list: readonly JsonValue[]): void {
    this.#byte(OPEN_LIST);
    for (let at = 0; at < list.length; at++) {
      if (at > 0) this.#byte(COMMA);
      this.value(list[at] ?? null);
    }
    this.#byte(CLOSE_LIST);
  }

  #byte(byte: number): void {
    this.#makeRoom(1);
    this.#room[this.#length++] = byte;
  }

  #makeRoom(units: number): void {
    const wanted = this.#length + units * WIDEST;
    if (wanted <= this.#room.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.#room.length * 2));
    this.#room.copy(larger, 0, 0, this.#length);
    this.#room = larger;
  }
}
