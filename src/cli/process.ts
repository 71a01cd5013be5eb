import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { WriteStream } from "node:tty";
import fresh from "#fresh";
import { type Scrubber, scrubberOf } from "../providers/openai/scrub.ts";
import { fitted } from "../report/format.ts";
import type { Output } from "../report/output.ts";
import { printed } from "../report/visible.ts";
import type { StorePaths } from "../store/layout.ts";
import type { Io } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { main, uncaught } from "./main.ts";
import { watchSignals } from "./signals.ts";
import { inCi, packageRoot } from "./surroundings.ts";

/** Runs dsgen as this process: reads its arguments, writes to its streams, ends it with the exit code. */
export async function runProcess(): Promise<void> {
  const said = { stdout: "", stderr: "" };
  let untouched: StorePaths | undefined;
  const io: Io = {
    ...processIo(said),
    nothingToDo: (store) => {
      untouched = store;
    },
  };
  const argv = process.argv.slice(2);
  const onUncaught = (error: unknown) => void end(uncaught(error, argv, io));
  process.on("uncaughtException", onUncaught);
  process.on("unhandledRejection", onUncaught);
  const serves = argv.find((word) => !word.startsWith("-")) === "simulate";
  const signals = serves ? watchSignals(io, "the server ends") : watchSignals(io);
  const code = await main(argv, io, signals.signal);
  signals.dispose();
  if (code === EXIT.upToDate && untouched !== undefined) {
    const { cacheDir: cache, lock, tmp, fresh: snapshots, kept } = untouched;
    const passing = [lock, tmp, snapshots, kept, `/proc/${process.pid}`, "/proc/self"];
    fresh.leave(argv, { cache, passing }, said, ownFiles);
  }
  await end(code);
}

/**
 * Ends the process when everything written has reached its reader: a pipe may still hold part of a long answer, and
 * ending sooner would cut it off.
 */
async function end(code: ExitCode): Promise<void> {
  // A failed write to standard output has set it already, and a result that nobody got is no success.
  if (code !== EXIT.upToDate || process.exitCode === undefined) process.exitCode = code;
  await Promise.all([drained(process.stdout), drained(process.stderr)]);
  // A socket kept alive by an HTTP client must not keep the shell waiting.
  process.exit();
}

function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || !stream.writable) resolve();
    else stream.write("", () => resolve());
  });
}

/** What makes dsgen itself: its compiled code, and which packages are installed beside it. */
function ownFiles(): readonly string[] {
  const root = packageRoot();
  const dist = join(root, "dist");
  const compiled = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) => /\.c?js$/.test(file));
  const installed = [join(root, ".."), join(root, "node_modules")].map((folder) => join(folder, ".package-lock.json"));
  return [...compiled.map((file) => join(dist, file)), join(root, "package.json"), ...installed];
}

/** @param said what is written is gathered here too */
function processIo(said: { stdout: string; stderr: string }): Io {
  const key = process.env["OPENAI_API_KEY"]?.trim() ?? "";
  const scrubber = scrubberOf(key);
  return {
    stdout: outputTo(process.stdout, scrubber, (text) => {
      said.stdout += text;
    }),
    stderr: outputTo(process.stderr, scrubber, (text) => {
      said.stderr += text;
    }),
    terminal: canRedraw(process.stderr) ? process.stderr : undefined,
    cwd: process.cwd(),
    env: process.env,
    now: Date.now,
  };
}

/**
 * A reader that has left (`| head`) is no error; a full disk behind `> file` is. Whatever is written goes through here:
 * without the key, and with what would act on a terminal made visible.
 */
function outputTo(stream: NodeJS.WriteStream, scrubber: Scrubber, note: (text: string) => void): Output {
  let closed = false;
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (!closed && error.code !== "EPIPE" && stream === process.stdout) {
      process.stderr.write(`error: standard output: it could not be written (${error.code ?? error.message}).\n`);
      process.exitCode = EXIT.failed;
    }
    closed = true;
  });
  return {
    write: (text) => {
      const clean = scrubber.text(text);
      const shown = printed(stream.isTTY ? fitted(clean, stream.columns) : clean);
      note(shown);
      if (!closed) stream.write(shown);
    },
    get columns() {
      return stream.columns ?? 80;
    },
    isTty: stream.isTTY === true,
    get closed() {
      return closed;
    },
  };
}

/** A terminal that takes cursor movements and that a person looks at; CI systems often pretend to have one. */
function canRedraw(stream: NodeJS.WriteStream): stream is WriteStream {
  return stream.isTTY === true && process.env["TERM"] !== "dumb" && !inCi(process.env);
}
