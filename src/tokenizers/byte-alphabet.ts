/**
 * How byte-level vocabularies write the 256 bytes, in order: a printable character of Latin-1 stands for itself, every other
 * byte for the next character from U+0100 on (`bytes_to_unicode` of GPT-2).
 */
export const BYTE_ALPHABET: readonly string[] = byteAlphabet();

function byteAlphabet(): readonly string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const itself = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    return String.fromCharCode(itself ? byte : next++);
  });
}

/** Whether a text could be bytes written in this alphabet. */
export function isOfByteAlphabet(text: string): boolean {
  return [...text].every((character) => BYTE_ALPHABET.includes(character));
}
