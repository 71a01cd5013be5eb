/*
 * A process that has dsgen loaded and runs one command line after the other, each as the launcher would. Starting Node
 * and loading the code takes longer than a small build does; scenes that run hundreds of builds need it once.
 */
import { main } from "../../../dist/src/cli/main.js";

process.on("message", async ({ id, args, cwd, env }) => {
  const out = [];
  const error = [];
  const output = (chunks) => ({ write: (text) => chunks.push(text), columns: 80, isTty: false, closed: false });
  const io = { stdout: output(out), stderr: output(error), terminal: undefined, cwd, env, now: Date.now };
  const code = await main(args, io, new AbortController().signal);
  process.send({ id, code, stdout: out.join(""), stderr: error.join("") });
});
// What Node itself has to say of a program is never meant for its user.
process.on("warning", (warning) => {
  throw warning;
});
// Whoever started it is gone: so is its work.
process.on("disconnect", () => process.exit());
process.send({ ready: true });
