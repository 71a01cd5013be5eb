import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryFolder } from "./terminal.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const VERSION: unknown = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version;

/** An installation with nothing in it but the launcher and, if wanted, a compiled entry that says what it was given. */
function installation(entry?: string): string {
  const root = temporaryFolder();
  cpSync(join(ROOT, "bin"), join(root, "bin"), { recursive: true });
  cpSync(join(ROOT, "package.json"), join(root, "package.json"));
  if (entry === undefined) return root;
  const folder = join(root, "dist", "src", "cli");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "process.js"), entry);
  writeFileSync(join(root, "dist", ".tsbuildinfo"), "");
  return root;
}

const ECHO =
  "export async function runProcess() { process.stdout.write(process.argv.slice(2).join(' ')); process.exitCode = 75; }";

function launch(root: string, argv: readonly string[], cwd = root) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "bin", "dsgen.js"), ...argv], {
    cwd,
    encoding: "utf8",
    env: { PATH: process.env["PATH"] },
  });
  return { status, stdout, stderr };
}

test("the launcher may be run", () => {
  const path = join(ROOT, "bin", "dsgen.js");
  expect(statSync(path).mode & 0o777).toBe(0o755);
  expect(readFileSync(path, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
});

test("version and help need nothing compiled", () => {
  const root = installation();
  for (const flag of ["--version", "-V"])
    expect(launch(root, [flag])).toEqual({ status: 0, stdout: `${VERSION}\n`, stderr: "" });
  const help = readFileSync(join(ROOT, "bin", "help.txt"), "utf8");
  for (const flag of ["--help", "-h", "help"])
    expect(launch(root, [flag])).toEqual({ status: 0, stdout: help, stderr: "" });
  expect(launch(root, [])).toEqual({ status: 2, stdout: "", stderr: help });
});

test("anything else without compiled code says what to do, and ends with 70", () => {
  expect(launch(installation(), ["build"])).toEqual({
    status: 70,
    stdout: "",
    stderr: "error: dsgen is not compiled: run make build\n",
  });
});

test("arguments go to the compiled code, and its exit code comes back", () => {
  expect(launch(installation(ECHO), ["build", "--wait", "a b"])).toEqual({
    status: 75,
    stdout: "build --wait a b",
    stderr: "",
  });
});

test("compiled code that cannot be loaded is said to be so", () => {
  const { status, stderr } = launch(installation("import './missing.js'"), ["build"]);
  expect(status).toBe(70);
  expect(stderr).toContain("error: dsgen's compiled code cannot be loaded: run make build\n");
});

test("in its own checkout, compiled code that is older than a source is not trusted in silence", () => {
  const root = installation(ECHO);
  const warning = "warning: the compiled code is older than the source: run make build\n";
  const source = join(root, "src", "recipes", "a.ts");
  mkdirSync(dirname(source), { recursive: true });
  writeFileSync(source, "");
  const built = statSync(join(root, "dist", ".tsbuildinfo")).mtimeMs / 1000;
  utimesSync(source, built - 10, built - 10);
  expect(launch(root, ["build"]).stderr).toBe("");
  utimesSync(source, built + 10, built + 10);
  expect(launch(root, ["build"])).toEqual({ status: 75, stdout: "build", stderr: warning });
  // A project elsewhere is not the checkout.
  expect(launch(root, ["build"], temporaryFolder()).stderr).toBe("");
});

test("a reader that has left is no error", () => {
  const launcher = join(ROOT, "bin", "dsgen.js");
  const { status, stderr } = spawnSync("sh", ["-c", `"${process.execPath}" "${launcher}" --help | true`], {
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
});
