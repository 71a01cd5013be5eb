import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readResult, resultFile, writeResult } from "../../../src/executors/results.ts";
import { publishBlob, sharedFolders } from "../../../src/executors/shared-folder.ts";
import { readWork } from "../../../src/executors/work-file.ts";
import { openCas } from "../../../src/store/cas.ts";
import { storePaths } from "../../../src/store/layout.ts";
import type { Doing } from "./toy.ts";

/* Makes a part of a descriptor file of toys: `toy-worker.ts FILE --part N`. */

const [file = "", , part = ""] = process.argv.slice(2);
const work = readWork(file, Number(part));
if (!work.ok) throw new Error(work.error.message);
const { head, actions } = work.value;
const paths = storePaths(head.cacheDir, head.projectRoot);
const tmp = sharedFolders(paths).tmp;

for (const action of actions) {
  const input = action.inputs["doing"];
  if (input?.kind !== "value") throw new Error("not a toy");
  const doing = input.value as Doing;
  const of = { key: action.key, attempt: head.attempt, identity: action.recipe.identity, host: hostname() };
  const manifest = { recipe: { identity: action.recipe.identity }, outputs: 1 };
  const found = readResult({ paths, blobs: openCas(paths) }, { key: action.key, manifest }, head.attempt);
  if (found.state === "made") continue;
  mkdirSync(join(head.projectRoot, "made"), { recursive: true });
  writeFileSync(join(head.projectRoot, "made", `${doing.name}.${process.pid}.${Date.now()}`), "");
  if (doing.sleepMs !== undefined) {
    process.on("SIGTERM", () => {
      // A process that does not go when its job is requeued: the zombie of every cluster.
      if (doing.act !== "zombie") process.exit(143);
    });
    await new Promise((resolve) => setTimeout(resolve, doing.sleepMs));
  }
  const problem = { kind: "recipe", where: doing.name, message: `${doing.name} was told to ${doing.act}` } as const;
  if (doing.act === "fail") {
    writeResult(paths, of, { state: "failed", problem });
    continue;
  }
  if (doing.act === "refuse") {
    writeResult(paths, of, { state: "refused", problem });
    process.exit(1);
  }
  if (doing.act === "exit") {
    process.stderr.write(`no such file: ${doing.name}\n`);
    process.exit(3);
  }
  if (doing.act === "break-on-n1" && process.env["SLURMD_NODENAME"] === "n1") process.exit(4);
  if (doing.act === "eat-memory") {
    const eaten = Array.from({ length: 60 }, () => Buffer.alloc(10_000_000, 1));
    // It waits, so that the node's accounting has the time to see it.
    execFileSync("sleep", ["30"]);
    writeFileSync("/dev/null", eaten[0] ?? "");
  }
  const folder = mkdtempSync(join(tmpdir(), "toy-"));
  const staged = join(folder, "0");
  writeFileSync(staged, `${doing.name}\n`);
  const blob = await publishBlob(staged, paths, tmp);
  rmSync(folder, { recursive: true });
  if (doing.act === "damage") {
    mkdirSync(dirname(resultFile(paths, action.key, head.attempt)), { recursive: true });
    writeFileSync(resultFile(paths, action.key, head.attempt), "{}\n");
  } else writeResult(paths, of, { state: "made", outputs: [blob], notes: {}, durationMs: 5 });
}
