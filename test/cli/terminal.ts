import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Io } from "../../src/cli/context.ts";
import { main } from "../../src/cli/main.ts";
import { memoryOutput } from "../../src/report/output.ts";

/** What one invocation came to. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Stands in for the session's opener. */
  readonly opener?: Parameters<typeof main>[3];
}

/** dsgen in this process, with streams that keep what they are given. */
export async function dsgen(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const stdout = memoryOutput();
  const stderr = memoryOutput();
  const io: Io = {
    stdout,
    stderr,
    terminal: undefined,
    cwd: options.cwd ?? process.cwd(),
    env: options.env ?? { LANG: "C.UTF-8" },
    now: Date.now,
  };
  const signal = options.signal ?? new AbortController().signal;
  const code = await main(argv, io, signal, options.opener);
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

/** The lines of `--json`. */
export function jsonLines(text: string): unknown[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line): unknown => JSON.parse(line));
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "dsgen-cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
