import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { namesIn } from "../config/config-files.ts";
import { KINDS } from "../kinds/registry.ts";
import { choice } from "./options.ts";
import type { Given } from "./put-file.ts";
import { packageRoot } from "./surroundings.ts";

/* What a project and a task begin with: the files of the package's starters/, and the tasks that it comes with. */

const STARTERS = join(packageRoot(), "starters");
const SHIPPED = join(packageRoot(), "config");

/** The tasks in the package's config/. */
const SHIPPED_TASKS = namesIn(join(SHIPPED, "tasks")).map((file) => file.replace(/\.yaml$/, ""));

/** What a task may make: each has a starter of its name. */
export const KIND_NAMES: readonly string[] = KINDS.map(({ name }) => name);

/** The options that say what a task begins with. */
export const BEGINNING = {
  kind: choice("<KIND>", "what the task makes", KIND_NAMES),
  from: { ...choice("<TASK>", "begin with a task that dsgen comes with", SHIPPED_TASKS), conflicts: ["kind"] },
};

/** What a task begins with: a kind's starter, or a task that comes with dsgen. */
export type Beginning = { readonly kind: string } | { readonly from: string };

/** The name that a task has by itself. */
export function nameOf(beginning: Beginning): string {
  return "from" in beginning ? beginning.from : beginning.kind;
}

/** A task's files, and the file that its dataset is. @param configDir absolute */
export function taskFiles(root: string, configDir: string, beginning: Beginning, name: string) {
  const given =
    "from" in beginning ? join(SHIPPED, "tasks", `${beginning.from}.yaml`) : join(STARTERS, `${beginning.kind}.yaml`);
  let text = readFileSync(given, "utf8");
  if (name !== nameOf(beginning)) {
    text = text.replace(/^task_name: .*$/m, `task_name: ${name}`).replace(/^output: .*$/m, `output: ${name}.jsonl`);
  }
  const output = /^output: (.*)$/m.exec(text)?.[1] ?? "";
  const task = configFile(root, configDir, join("tasks", `${name}.yaml`), text);
  const files: Given[] = [task];
  if ("kind" in beginning && beginning.kind === "embeddings") {
    files.push({ file: "data/sentences.txt", text: starter("sentences.txt"), as: "new" });
  }
  return { task: task.file, output, files };
}

/** The lines that keep a task's dataset, its manifest and its other forms out of git. */
export function ignoredOutput(output: string): string {
  const stem = output.replace(/\.jsonl$/, "");
  return ["*.jsonl", "*.manifest.json", ".report.html", ".parquet", ".csv", ".huggingface/"]
    .map((ending) => `/${stem}${ending}\n`)
    .join("");
}

/** The config files beside the tasks. */
export function settingsFiles(root: string): readonly Given[] {
  const config = join(root, "config");
  return [
    configFile(root, config, "dsgen.yaml", starter("dsgen.yaml")),
    configFile(root, config, "models.yaml", readFileSync(join(SHIPPED, "models.yaml"), "utf8")),
    configFile(root, config, "tokenizers.yaml", readFileSync(join(SHIPPED, "tokenizers.yaml"), "utf8")),
  ];
}

/** What `--without` names. */
export const PARTS = ["gitignore", "makefile", "ci", "readme"] as const;
type Part = (typeof PARTS)[number];

/** What goes into files of which the repo may have its own. @param output the dataset, when a task was given too */
export function repoFile(root: string, part: Part, output: string | undefined): Given {
  switch (part) {
    case "gitignore": {
      const text = starter("gitignore") + (output === undefined ? "" : ignoredOutput(output));
      return { file: ".gitignore", text, as: "lines" };
    }
    case "makefile": {
      // In the order in which make looks for them.
      const file = ["GNUmakefile", "makefile"].find((name) => existsSync(join(root, name))) ?? "Makefile";
      return { file, text: starter("Makefile"), as: "block", clash: /^dataset(-plan|-status)?[ \t]*:/m };
    }
    case "ci":
      return { file: ".github/workflows/dataset.yml", text: starter("workflow.yml"), as: "new" };
    case "readme": {
      const text = starter("README.md").replaceAll("OUTPUT", output ?? "dataset.jsonl");
      return { file: "README.md", text, as: "block" };
    }
  }
}

function starter(file: string): string {
  return readFileSync(join(STARTERS, file), "utf8");
}

/** A config file whose first line names its schema where the package lies, as seen from the file. */
function configFile(root: string, configDir: string, name: string, text: string): Given {
  const path = join(configDir, name);
  const schema = /\$schema=.*\/(.*)$/m.exec(text)?.[1] ?? "";
  const place = relative(dirname(path), join(packageFrom(root), "schemas", schema));
  const shown = (from: string) => from.split(sep).join("/");
  return {
    file: shown(relative(root, path)),
    text: text.replace(/\$schema=.*$/m, `$schema=${shown(place)}`),
    as: "new",
  };
}

/** The package as a project sees it: installed in it or above it, the checkout it lies in, or where it will be installed. */
function packageFrom(root: string): string {
  return (
    installedPackage(root) ?? (isWithin(root, packageRoot()) ? packageRoot() : join(root, "node_modules", "dsgen"))
  );
}

/** The dsgen that is installed in a folder or above it. */
export function installedPackage(root: string): string | undefined {
  for (let folder = root; ; folder = dirname(folder)) {
    const place = join(folder, "node_modules", "dsgen");
    if (existsSync(join(place, "package.json"))) return place;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Whether a folder is another, or lies in it. */
export function isWithin(folder: string, parent: string): boolean {
  return folder === parent || folder.startsWith(parent + sep);
}
