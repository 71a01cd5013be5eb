import { join, resolve } from "node:path";
import { findProject } from "../config/config-files.ts";
import { loadConfig } from "../config/load.ts";
import type { ProjectConfig } from "../config/project-config.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { openStore } from "../store/store.ts";
import { Tokenizers } from "../tokenizers/tokenizers.ts";
import type { Io } from "./context.ts";
import type { CommonOptions } from "./options.ts";
import { packageRoot } from "./surroundings.ts";

export interface TokenizersHere {
  readonly config: ProjectConfig;
  readonly tokenizers: Tokenizers;
}

/**
 * The tokenizers and tasks of the project around the current folder; outside any project, those that dsgen comes with.
 * Less than a session: no provider is chosen, so that a file can be checked without a key.
 */
export function tokenizersHere(io: Io, common: CommonOptions): Result<TokenizersHere, readonly Problem[]> {
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
  const tokenizers = new Tokenizers({
    projectRoot: root,
    tokenizers: config.value.tokenizers,
    content: store.value.content,
    tables: { folder: store.value.paths.tables, writable: false },
    environment: io.env,
  });
  return ok({ config: config.value, tokenizers });
}
