/*
 * Most of what is printed is not ours: answers, messages of providers, file names, values of a config. What such a text
 * could do to a terminal (move the cursor, hide itself, turn the reading order round) is shown instead of done.
 */

/**
 * Stands for the escape character in what dsgen styles itself, until it is written. Drawn anew in each process, of
 * characters that Unicode keeps for a program's own use: no text from outside can contain it but by knowing it. That text was
 * written before; what draws for cryptography takes as long to load as a tenth of Node.
 */
export const OWN_ESCAPE = String.fromCharCode(
  ...Array.from({ length: 12 }, () => 0xfdd0 + Math.floor(32 * Math.random())),
);

/** Control characters, line separators, what turns the reading order round, what is invisible, and halves of a character. */
const ODD =
  /[\p{Cc}\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\p{Cs}]|[\u{e0000}-\u{e0fff}]/gu;

/** A text as it is written to a terminal or a pipe: dsgen's own styles as escape sequences, everything odd made visible. */
export function printed(text: string): string {
  return text
    .split(OWN_ESCAPE)
    .map((part) => visible(part))
    .join("\u001b");
}

/**
 * Shows characters that do something as `\t` and `\u202e`, as JSON writes them, so that a line of JSON still says the same.
 * Line feeds stay.
 */
export function visible(text: string): string {
  return text.replace(ODD, (character) => {
    switch (character) {
      case "\n":
        return character;
      case "\r":
        return "\\r";
      case "\t":
        return "\\t";
      default:
        return Array.from(
          { length: character.length },
          (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
        ).join("");
    }
  });
}

/** The same for what has to be on one line: a name, a path, a cell. */
export function oneLine(text: string): string {
  return visible(text).replaceAll("\n", "\\n");
}

/** A text of several lines below a line of ours: what follows the first is set in, so that none can pass for one of ours. */
export function setIn(text: string): string {
  return text.replaceAll("\n", "\n    ");
}
