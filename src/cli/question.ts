import { createInterface } from "node:readline/promises";
import type { Io } from "./context.ts";

/** Whether there is somebody to ask: a terminal to write to, and one to read from. */
export function canAsk(io: Io, json: boolean): io is Io & { readonly terminal: NodeJS.WriteStream } {
  return io.terminal !== undefined && process.stdin.isTTY === true && !json;
}

/** Asks a person. Anything but yes is no, an input that ends and Ctrl-C among it; Ctrl-C also interrupts, as ever. */
export async function saysYes(
  { from, to }: { readonly from: NodeJS.ReadableStream; readonly to: NodeJS.WritableStream },
  question: string,
  signal: AbortSignal,
): Promise<boolean> {
  const prompt = createInterface({ input: from, output: to });
  // While a line is read the terminal hands Ctrl-C to the reader, and no signal comes of it unless it is passed on.
  prompt.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  const ended = new Promise<string>((resolve) => {
    prompt.once("close", () => resolve(""));
  });
  try {
    const answer = await Promise.race([prompt.question(`${question} [y/N] `, { signal }), ended]);
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  } finally {
    prompt.close();
  }
}
