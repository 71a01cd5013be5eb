import { fingerprintOf } from "../graph/digest.ts";
import { configSources, type LoadOptions, type ReadConfig } from "./config-sources.ts";
import type { ReadOptions, ReadProject } from "./read-project.ts";

/** Where what was made of config files stays from one command to the next; asked with all that it hangs on. */
export interface KeptReading {
  get(key: readonly string[]): unknown;
  put(key: readonly string[], value: unknown): void;
}

/** Reads a project's configuration as far as it can be read; loads yaml and zod only for what was not read before. */
export async function readConfig(options: LoadOptions, kept: KeptReading): Promise<ReadConfig> {
  const sources = configSources(options);
  if (!("asked" in sources)) return sources;
  const key = keyOf(sources.asked);
  const known = kept.get(key);
  if (isReading(known)) return sources.complete(known);
  const { readProject } = await import("./read-project.ts");
  const read = readProject(sources.asked);
  // What is wrong is looked at again each time: a person is about to mend it.
  if (read.problems.length === 0) kept.put(key, read);
  return sources.complete(read);
}

/** Reading is a function of this alone. */
function keyOf({ files, sets, shownDir, complete }: ReadOptions): readonly string[] {
  const held = files.flatMap(({ name, shown, content }) => [name, shown, fingerprintOf(content)]);
  return ["config", shownDir, String(complete), String(sets.length), ...sets, ...held];
}

function isReading(value: unknown): value is ReadProject {
  return typeof value === "object" && value !== null && "taskNames" in value && "problems" in value;
}
