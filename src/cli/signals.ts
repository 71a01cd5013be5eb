import { watchForeignCode } from "../engine/foreign-code.ts";
import { OWN_ESCAPE } from "../report/visible.ts";
import type { Io } from "./context.ts";
import { EXIT } from "./exit-codes.ts";

/** Ctrl-C, `kill`, and a terminal that was closed. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * The first signal asks for an end: nothing new is started, what runs is finished, what was paid for is written. Remote
 * jobs go on. The second one ends the process at once; everything on disk is safe at any instruction.
 *
 * While a project's own code runs, the first one ends it at once too, as it ends any program: such code may hold the
 * thread without end, and then no handler would ever be called.
 * @param before what becomes of what is under way
 */
export function watchSignals(
  io: Io,
  before: string = "remote jobs go on, the next dsgen build picks them up",
): { readonly signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  // A redrawn display hides the cursor, and nobody else will bring it back.
  const showCursor = () => {
    if (io.stderr.isTty) io.stderr.write(`${OWN_ESCAPE}[?25h`);
  };
  const onSignal = () => {
    if (controller.signal.aborted) {
      showCursor();
      process.exit(EXIT.interrupted);
    }
    io.stderr.write(`stopping: ${before} (once more to stop at once)\n`);
    controller.abort();
  };
  const listen = () => {
    for (const name of SIGNALS) process.on(name, onSignal);
  };
  const dispose = () => {
    for (const name of SIGNALS) process.off(name, onSignal);
  };
  listen();
  watchForeignCode({
    began: () => {
      showCursor();
      dispose();
    },
    ended: listen,
  });
  return { signal: controller.signal, dispose };
}
