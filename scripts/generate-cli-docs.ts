import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cliFiles } from "./cli-reference.ts";

/*
 * Writes docs/cli.md, docs/events.md, schemas/events.schema.json and bin/help.txt:
 *   node --import jiti/register scripts/generate-cli-docs.ts
 */

const root = dirname(dirname(fileURLToPath(import.meta.url)));
for (const [path, text] of await cliFiles()) {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
