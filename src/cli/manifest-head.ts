import { byteLines } from "../engine/file-lines.ts";
import { SCENARIOS_LINE } from "../tasks/provenance.ts";

/**
 * A manifest's text with no scenario in it: it may name a million, each in a line of its own. Whole where it is laid out in
 * another way. Throws the system's error when the file cannot be read.
 */
export function manifestHead(path: string): string {
  const lines: string[] = [];
  for (const { bytes } of byteLines(path)) {
    const line = bytes?.toString("utf8") ?? "";
    lines.push(line);
    if (line === SCENARIOS_LINE) return `${lines.join("\n")}]}`;
  }
  return lines.join("\n");
}
