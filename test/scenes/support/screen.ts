const ESCAPE = "\u001b";
/** A command, a line's end, or text. */
const PART = new RegExp(`${ESCAPE}\\[\\??([\\d;]*)([A-Za-z])|\r|\n|[^${ESCAPE}\r\n]+`, "g");

/**
 * What a terminal shows in the end of all that was written to it: lines that were drawn over are gone. Knows what the live view
 * writes: the cursor up, to a column, a line erased. Styles are left out.
 */
export function screenOf(written: string): string {
  const lines: string[] = [""];
  let [row, column] = [0, 0];
  for (const [all, argument, command] of written.matchAll(PART)) {
    if (command === "A") row = Math.max(0, row - Number(argument === "" ? 1 : argument));
    else if (command === "G") column = Number(argument === "" ? 1 : argument) - 1;
    else if (command === "K") lines[row] = argument === "2" ? "" : (lines[row] ?? "").slice(0, column);
    else if (command === "J") lines.splice(row, lines.length, (lines[row] ?? "").slice(0, column));
    else if (all === "\r") column = 0;
    else if (all === "\n") lines[++row] ??= "";
    else if (command === undefined) {
      const line = (lines[row] ?? "").padEnd(column);
      lines[row] = line.slice(0, column) + all + line.slice(column + all.length);
      column += all.length;
    } else if (!["m", "h", "l"].includes(command))
      throw new Error(`no such command is known here: ${JSON.stringify(all)}`);
  }
  return lines.join("\n");
}
