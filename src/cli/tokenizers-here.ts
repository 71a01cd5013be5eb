import { join, resolve } from "node:path";
import { findProject } from "../config/config-files.ts";
import { loadConfig } from "../config/load.ts";
import type { ProjectConfig } from "../config/project-config.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { openStore } from "../store/store.ts";
import type { Tokenizers } from "../tokenizers/tokenizers.ts";
import type { CommandContext } from "./context.ts";
import { packageRoot } from "./surroundings.ts";
import { tokenizersIn } from "./tokenizers.ts";

/** Code points of a row's text; a longer one is no prompt, and encoding it could take minutes. */
export const MAX_CHARACTERS = 100_000;

/**
 * The tokenizers and tasks of the project around the current folder; outside any project, those that dsgen comes with.
 * Less than a session: no provider is chosen, so that a file can be checked without a key.
 */
export function tokenizersHere({
  io,
  common,
}: CommandContext): Result<{ readonly config: ProjectConfig; readonly tokenizers: Tokenizers }, readonly Problem[]> {
  const found = findProject(io.cwd, common.configDir);
  if (!found.ok && common.configDir !== undefined) return err([found.error]);
  const root = found.ok ? found.value.root : packageRoot();
  const configDir = found.ok ? found.value.configDir : join(root, "config");
  const config = loadConfig({ root, configDir, sets: common.set });
  if (!config.ok) return config;
  // Only the stat cache is used, and only read: hashing a tokenizer's files again would cost more than loading them.
  const cacheDir = resolve(io.cwd, common.cacheDir ?? join(root, ".dsgen-cache"));
  const store = openStore({ cacheDir, projectRoot: root });
  if (!store.ok) return err([store.error]);
  return ok({ config: config.value, tokenizers: tokenizersIn(root, config.value, store.value, io.env) });
}
