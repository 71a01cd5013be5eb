import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { publishedFiles } from "./config-reference.ts";

/*
 * Writes schemas/*.schema.json and docs/config.md:
 *   node --import jiti/register scripts/generate-config-docs.ts
 */

const root = dirname(dirname(fileURLToPath(import.meta.url)));
for (const [path, text] of publishedFiles()) {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
