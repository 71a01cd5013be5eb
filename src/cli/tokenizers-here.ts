import { join, resolve } from "node:path";
import { findProject } from "../config/config-files.ts";
import type { ProjectConfig } from "../config/project-config.ts";
import { readConfig } from "../config/read-config.ts";
import { carriedBuild } from "../engine/carried.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { openKept } from "../store/kept.ts";
import { storePaths } from "../store/layout.ts";
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
export async function tokenizersHere({
  io,
  common,
}: CommandContext): Promise<
  Result<{ readonly config: ProjectConfig; readonly tokenizers: Tokenizers }, readonly Problem[]>
> {
  const found = findProject(io.cwd, common.configDir);
  if (!found.ok && common.configDir !== undefined) return err([found.error]);
  const root = found.ok ? found.value.root : packageRoot();
  const configDir = found.ok ? found.value.configDir : join(root, "config");
  // Of the cache only what is known of the config and of files is used, and only read.
  const cacheDir = resolve(io.cwd, common.cacheDir ?? join(root, ".dsgen-cache"));
  const kept = openKept(storePaths(cacheDir, root), carriedBuild());
  const { whole, problems } = await readConfig({ root, configDir, sets: common.set }, kept);
  if (whole === undefined) return err(problems);
  const store = openStore({ cacheDir, projectRoot: root });
  if (!store.ok) return err([store.error]);
  return ok({ config: whole, tokenizers: tokenizersIn(root, whole, store.value, io.env) });
}
