import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isJsonObject } from "../graph/json.ts";

/** dsgen's own version, from the package.json above this module, compiled or not. */
export function versionText(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    if (folder === dirname(folder)) throw new Error("dsgen's own package.json is missing");
    folder = dirname(folder);
  }
  const manifest: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const version = isJsonObject(manifest) ? manifest["version"] : undefined;
  if (typeof version !== "string") throw new Error("dsgen's own package.json has no version");
  return version;
}
