import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { init, parse } from "es-module-lexer";
import { type Plugin, rolldown } from "rolldown";

/*
 * Makes of dist/ and the packages that dsgen starts with one file, dist/src/start.cjs, which bin/start.js runs in place of some
 * three hundred: loading each of those takes Node longer than all that a null build does.
 *   node --import jiti/register scripts/bundle.ts
 * dist/start.json says what it was made of. Where that is no longer what lies there, the file is not used.
 * With --tell each module says when it is loaded, as an event of the process: what a command loads is tested so.
 */

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
/** Among dsgen's own code, which is known by its folder (guard-caller.ts). */
const START = "src/start.cjs";
const ENTRY = "\0entry";
const tells = process.argv.includes("--tell");
/** Packages that are carried: their versions are exact in package.json, so that an installation has what was carried. */
const CARRIED = "commander es-module-lexer fastest-levenshtein get-east-asian-width xxhash-wasm yaml zod".split(" ");
/** Packages that are loaded when they are needed. */
const LEFT = [
  "@huggingface/hub",
  "@huggingface/transformers",
  "@fastify/busboy",
  "aws4fetch",
  "fast-glob",
  "gpt-tokenizer",
  "hyparquet-writer",
  "jiti",
  "listr2",
  "openai",
];
/** Parts of Node that take long to load, and that few commands use: loaded with the first module that does. */
const LATE =
  "child_process crypto dgram dns fs/promises http https net perf_hooks readline/promises stream stream/promises timers/promises v8 worker_threads zlib".split(
    " ",
  );
/** Those of which most modules call functions only: loaded with the first call. */
const CALLED = "child_process crypto fs/promises timers/promises v8".split(" ");
/** Modules that need such a part itself: they put something in the place of its functions. */
const WHOLE = ["/engine/guard-chance.js", "/engine/guard-hooks.js"];

/** What a config is parsed and checked by, where it is not kept: with it the file takes longer to start (bin/start.js). */
const PARSING = ["/zod/v4/core/core.js", "/yaml/dist/index.js"];

/** Recipes that run from their own files: what they write with is large, and rarely wanted. */
const LEFT_RECIPES = [
  "write-report.js",
  "export-csv.js",
  "export-huggingface.js",
  "export-parquet.js",
  "export-splits.js",
];

await init();
for (const name of ["start.json", "start.cache"]) rmSync(join(dist, name), { recursive: true, force: true });
const seen: string[] = [];
const build = await rolldown({
  input: ENTRY,
  platform: "node",
  external: (id) => id === "#fresh" || LEFT.some((name) => id === name || id.startsWith(`${name}/`)),
  plugins: [carrying()],
});
await build.write({
  file: join(dist, START),
  format: "cjs",
  strictExecutionOrder: true,
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
  comments: { legal: false },
  codeSplitting: false,
});
await build.close();
const unmarked = PARSING.filter((end) => !seen.some((path) => path.endsWith(end)));
if (unmarked.length > 0) throw new Error(`${unmarked.join(", ")}: not carried; which module is it now?`);
writeFileSync(join(dist, START), asFunction(readFileSync(join(dist, START), "utf8")));

const inDist = (path: string) => path.startsWith(dist + sep);
const sources = [START, ...seen.filter(inDist).map((path) => relative(dist, path))];
const packages = [...new Set(seen.filter((path) => !inDist(path)).map(packageOf))];
const other = packages.find((name) => !CARRIED.includes(name));
if (other !== undefined) throw new Error(`${other}: is it carried, or loaded when it is needed?`);
const files = digests(sources, (file) => join(dist, file));
const manifests = digests(packages, (name) => join(root, "node_modules", name, "package.json"));
const madeOf = { files, packages: manifests };
writeFileSync(join(dist, "start.json"), JSON.stringify({ build: sha(JSON.stringify(madeOf)), ...madeOf }));

function digests(names: readonly string[], pathOf: (name: string) => string): Record<string, string> {
  return Object.fromEntries([...names].sort().map((name) => [name, sha(readFileSync(pathOf(name)))]));
}

/** Puts what differs from module to module into the modules: their address, and what is loaded from outside. */
function carrying(): Plugin {
  return {
    name: "carrying",
    resolveId: (id, importer = "") => {
      if (id === ENTRY) return ENTRY;
      const name = id.startsWith("node:") ? id.slice("node:".length) : "";
      if (!LATE.includes(name)) return null;
      return CALLED.includes(name) && !WHOLE.some((file) => importer.endsWith(file))
        ? `\0called:${id}`
        : `\0late:${id}`;
    },
    load: (id) => {
      if (id === ENTRY) return entry();
      if (id.startsWith("\0called:")) return called(id.slice("\0called:".length));
      return id.startsWith("\0late:") ? late(id.slice("\0late:".length)) : null;
    },
    transform(code, id) {
      if (id.startsWith("\0")) return null;
      seen.push(id);
      const told = tells
        ? `globalThis.process.emit("dsgen:loads", ${JSON.stringify(nameOf(id))}, ${code.length});\n`
        : "";
      const parses = PARSING.some((end) => id.endsWith(end)) ? "__dsgenStart.parses = true;\n" : "";
      return {
        code: told + parses + withoutWaiting(id.startsWith(dist + sep) ? outward(code, id) : code, id),
        map: null,
      };
    },
  };
}

/** A module that loads a part of Node when it is run itself. */
function late(id: string): string {
  return [
    `const part = __dsgenStart.require(${JSON.stringify(id)});`,
    "export default part;",
    ...exportsOf(id).map(([name]) => `export const ${name} = part.${name};`),
  ].join("\n");
}

/** A module of functions that load a part of Node when one of them is called. */
function called(id: string): string {
  const functions = exportsOf(id).filter(([, value]) => typeof value === "function" && !/^class\b/.test(String(value)));
  return [
    "let part;",
    `const loaded = () => (part ??= __dsgenStart.require(${JSON.stringify(id)}));`,
    ...functions.map(([name]) => `export const ${name} = (...args) => loaded().${name}(...args);`),
  ].join("\n");
}

function exportsOf(id: string): readonly (readonly [string, unknown])[] {
  const all = Object.entries(Object.getOwnPropertyDescriptors(createRequire(import.meta.url)(id)));
  // A getter loads more.
  return all.flatMap(([name, { value }]) => (value !== undefined && /^[a-z]\w*$/i.test(name) ? [[name, value]] : []));
}

/** What bin/start.js calls, as text that is read without a look at its characters: what is beyond ASCII is written by number. */
function asFunction(code: string): string {
  if (/\\[^\0-\x7f]/.test(code)) throw new Error("a backslash before a character that is to be written by number");
  const ascii = code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return `(function(exports,require,module,__dsgenStart){${ascii}\n})`;
}

/** The file that is run: says what it carries, and hands on what the launcher calls. */
function entry(): string {
  const recipes = readdirSync(join(dist, "src", "recipes")).filter(
    (name) => name.endsWith(".js") && !LEFT_RECIPES.includes(name),
  );
  const named = ["targets/index.js", ...recipes.map((name) => `src/recipes/${name}`)];
  const loads = named.map((file) => {
    const path = JSON.stringify(join(dist, file));
    return `[__dsgenStart.path(${JSON.stringify(`dist/${file}`)})]: () => import(${path})`;
  });
  return `import { carry } from ${JSON.stringify(join(dist, "src/engine/carried.js"))};
carry({ build: __dsgenStart.build, unchanged: __dsgenStart.unchanged, modules: { ${loads.join(", ")} } });
export const runProcess = async () => (await import(${JSON.stringify(join(dist, "src/cli/process.js"))})).runProcess();
`;
}

/** What a script that is run from its text has not: an address, and `import()` of what is not carried. */
function outward(code: string, id: string): string {
  const [imports] = parse(code, id);
  let text = code;
  for (const item of [...imports].reverse()) {
    const put = (word: string, by: string) => {
      text = `${text.slice(0, item.importStart)}${by}${text.slice(item.importStart + word.length)}`;
    };
    if (item.type === "import-meta") put("import.meta", `__dsgenStart.meta(${JSON.stringify(relative(root, id))})`);
    if (item.type !== "dynamic" || item.specifier?.startsWith(".") === true) continue;
    if (item.specifier !== undefined && !LEFT.includes(item.specifier)) {
      throw new Error(`${id}: say in LEFT that ${item.specifier} is loaded when it is needed`);
    }
    put("import", "__dsgenStart.import");
  }
  return text;
}

/** A CommonJS module cannot wait while it is loaded: the hash's few kilobytes of WebAssembly are compiled at once. */
function withoutWaiting(code: string, id: string): string {
  if (id.endsWith("/graph/digest.js")) return replaced(code, id, [["await xxhash()", "xxhash()"]]);
  if (!id.includes("/xxhash-wasm/")) return code;
  return replaced(code, id, [
    ["async function e()", "function e()"],
    ["(await WebAssembly.instantiate(t)).instance", "new WebAssembly.Instance(new WebAssembly.Module(t))"],
  ]);
}

function replaced(code: string, id: string, pairs: readonly (readonly [string, string])[]): string {
  return pairs.reduce((text, [from, to]) => {
    if (text.split(from).length !== 2) throw new Error(`${id}: expected ${from} once`);
    return text.replace(from, to);
  }, code);
}

function nameOf(id: string): string {
  return relative(root, id).replace(/^.*(?=node_modules\/)/, "");
}

function packageOf(path: string): string {
  const parts = path.slice(path.lastIndexOf(`node_modules${sep}`)).split(sep);
  const [, first = "", second = ""] = parts;
  return first.startsWith("@") ? `${first}/${second}` : first;
}

function sha(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}
