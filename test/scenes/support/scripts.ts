import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SceneProject } from "./project.ts";
import { jsonLines } from "./shipped.ts";

/** What a folder of scripts leaves: other custom_ids, counted from 0 in every file, and answers that say they are real. */
export function handRun(project: SceneProject, batches: number): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "dsgen-scripts-")));
  mkdirSync(join(folder, "requests", "tiny"), { recursive: true });
  mkdirSync(join(folder, "batch_outputs", "tiny"), { recursive: true });
  for (let i = 0; i < batches; i++) {
    const requests = jsonLines(project.read(`requests/tiny/request_batch${i}.jsonl`));
    const names = new Map(requests.map((line, j) => [String(line["custom_id"]), `request-${j}`]));
    const renamed = (text: string) =>
      jsonLines(text)
        .map((line) => JSON.stringify({ ...line, custom_id: names.get(String(line["custom_id"])) }))
        .reverse()
        .join("\n");
    const order = (text: string) => text.split("\n").reverse().join("\n");
    writeFileSync(
      join(folder, "requests", "tiny", `request_batch${i}.jsonl`),
      `${order(renamed(project.read(`requests/tiny/request_batch${i}.jsonl`)))}\n`,
    );
    const output = renamed(project.read(`batch_outputs/tiny/output_batch${i}.jsonl`)).replaceAll(
      "fp_simulated",
      "fp_0a1b2c3d4e",
    );
    writeFileSync(join(folder, "batch_outputs", "tiny", `output_batch${i}.jsonl`), `${output}\n`);
  }
  return folder;
}
