import type { ResultLine } from "./result-schema.ts";

type PutLine = Omit<Extract<ResultLine, { type: "put" }>, "type">;

/** What became of each file, and what to do next. */
export function putText(put: readonly PutLine[], next: readonly string[]): string {
  const width = Math.max(0, ...put.map(({ file }) => file.length));
  const lines = put.map(
    ({ file, action, why }) => `  ${action.padEnd(5)}  ${why === null ? file : `${file.padEnd(width)}  ${why}`}`,
  );
  const steps = next.length === 0 ? [] : ["", "Next:", ...next.map((line) => `  ${line}`)];
  return `${[...lines, ...steps].join("\n")}\n`;
}
