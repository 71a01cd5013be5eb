import { execFile } from "node:child_process";
import type { ReadConfig } from "../config/config-sources.ts";
import { problemOfSystem } from "../engine/blocked-path.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import type { DoctorLine } from "../report/doctor-schema.ts";
import type { CommandContext } from "./context.ts";

/** How long whoever is asked has for its answer. */
export const PATIENCE_MS = 10_000;

/** What is looked at: a project as far as there is one, and where its things lie. */
export interface Patient {
  readonly context: CommandContext;
  readonly root: string;
  readonly cacheDir: string;
  readonly read: ReadConfig;
}

type About = DoctorLine["about"];

/** What a look comes to; what a person can mend and it throws is its finding. */
export async function looked(
  about: About,
  look: () => readonly DoctorLine[] | Promise<readonly DoctorLine[]>,
): Promise<readonly DoctorLine[]> {
  try {
    return await look();
  } catch (error) {
    const problem = error instanceof ProblemError ? error.problem : problemOfSystem(error, about);
    if (problem === undefined) throw error;
    return [wrong(about, problem)];
  }
}

export const ok = (about: About, message: string) => line(about, "ok", message, null);
export const skipped = (about: About, message: string) => line(about, "skipped", message, null);
export const fault = (about: About, message: string, fix: string) => line(about, "wrong", message, fix);
export const wrong = (about: About, { where, message, fix }: Problem) =>
  line(about, "wrong", `${where}: ${message}`, fix ?? null);

function line(about: About, state: DoctorLine["state"], message: string, fix: string | null): DoctorLine {
  return { type: "doctor", about, state, message, fix };
}

/** Undefined where git is not to be had, or does not answer in time. */
export function git(cwd: string, ...args: readonly string[]): Promise<{ code: number; stdout: string } | undefined> {
  return new Promise((answered) => {
    execFile("git", [...args], { cwd, timeout: PATIENCE_MS }, (error, stdout) => {
      const code = error === null ? 0 : error.code;
      answered(typeof code === "number" ? { code, stdout } : undefined);
    });
  });
}
