import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { init, parse } from "es-module-lexer";
import { beforeAll, describe, expect, test } from "vitest";

/*
 * DESIGN.md section 3: arrows run one way. A type-only import is an arrow too: who knows a type knows the folder.
 */

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

interface Import {
  readonly from: string;
  /** A module of ours by its path from the root, or what was written. */
  readonly to: string;
  readonly typeOnly: boolean;
}

interface Source {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

/** What a module may import, as path prefixes; the first rule whose prefix fits a module is its rule. */
const RULES: readonly (readonly [string, readonly string[]])[] = [
  // The states of a target and what a problem is are told as the schemas of `--json`; their types cost nothing to load.
  ["src/graph/", ["type src/events/schema.ts"]],
  ["src/api/", ["src/graph/"]],
  ["src/config/", ["src/graph/", "src/kinds/schema/"]],
  ["src/engine/", ["src/graph/"]],
  ["src/events/", ["src/graph/"]],
  [
    "src/store/",
    [
      "src/graph/",
      "src/engine/ports.ts",
      "src/engine/fault-points.ts",
      "src/engine/file-lines.ts",
      "src/engine/blocked-path.ts",
      "src/engine/link-target.ts",
      // The index of answers is kept here; what is asked of it is said where answers are read.
      "type src/api/responses.ts",
    ],
  ],
  // How often and when what passes is tried again is said once.
  ["src/remote/", ["src/graph/", "src/api/", "src/engine/retry.ts", "type src/engine/ports.ts"]],
  ["src/batch/", ["src/graph/", "src/engine/", "src/events/", "src/api/"]],
  [
    "src/simulator/",
    ["src/graph/", "src/engine/file-lines.ts", "type src/batch/provider.ts", "src/providers/openai/provider.ts"],
  ],
  ["src/providers/openai/", ["src/graph/", "src/engine/", "src/api/", "src/batch/provider.ts"]],
  ["src/tokenizers/", ["src/graph/", "src/engine/", "type src/config/"]],
  [
    "src/tasks/",
    [
      "src/graph/",
      "src/api/",
      "src/tokenizers/",
      "type src/config/",
      // The words of a prompt are config; a task fills them in.
      "src/config/prompt-template.ts",
      // Pure functions over what a request and a price are; nothing of jobs or providers.
      "src/batch/money.ts",
      "src/config/entry-schema.ts",
      // What a kind's targets see is declared here, and read from a recipe's context.
      "type src/engine/recipe.ts",
    ],
  ],
  // What a kind's file may say; recipes load the kinds, and a reworded key is to make no shard again.
  ["src/kinds/schema/", ["src/graph/", "src/config/"]],
  [
    "src/kinds/",
    [
      "src/graph/",
      "src/api/",
      "src/tasks/",
      "src/tokenizers/",
      "src/config/prompt-template.ts",
      "type src/engine/recipe.ts",
      "type src/config/",
    ],
  ],
  [
    "src/recipes/",
    [
      "src/graph/",
      "src/api/",
      "src/engine/",
      "src/batch/",
      "src/kinds/",
      "src/tasks/",
      "src/tokenizers/",
      "type src/config/",
      // A page of HTML is made by a recipe; what it draws and how, and the graph's lines, are theirs.
      "src/page/",
      "src/export/",
      "type src/report/",
    ],
  ],
  // Who makes what an action says: the store is where outputs go, and nothing here knows who is asked or paid.
  ["src/executors/", ["src/graph/", "src/engine/", "src/store/", "type src/config/"]],
  // What a dataset is as another kind of file, told of its rows and its manifest.
  [
    "src/export/",
    [
      "src/graph/",
      "src/engine/retry.ts",
      "src/tasks/provenance.ts",
      "type src/tasks/manifest.ts",
      "type src/engine/recipe.ts",
    ],
  ],
  [
    "src/page/",
    [
      "src/graph/",
      "src/kinds/",
      "src/tasks/",
      "src/tokenizers/",
      "type src/config/",
      "type src/engine/recipe.ts",
      // Numbers and odd characters are written, and a graph is folded, as everywhere.
      "src/report/",
    ],
  ],
  [
    "src/report/",
    [
      "src/graph/",
      "src/api/",
      "src/engine/",
      "src/events/",
      "src/kinds/",
      "src/tasks/",
      "type src/batch/",
      // How an amount of money is written is said once.
      "src/batch/money.ts",
      "type src/store/",
      "type src/config/",
    ],
  ],
  ["src/cli/", ["src/"]],
  // What the commands do, as functions: loaded when a project is opened, since targets import the package's face too.
  [
    "src/library/",
    ["src/cli/library.ts", "src/graph/", "type src/events/", "type src/report/", "type src/tasks/manifest.ts"],
  ],
  // The package's face: it passes on, and holds nothing.
  [
    "src/index.ts",
    [
      // A list of words: `targets/` makes a target for each.
      "src/config/export-formats.ts",
      "src/graph/",
      "src/api/",
      "src/engine/",
      "src/batch/",
      "src/kinds/",
      "src/tasks/",
      "src/tokenizers/tool.ts",
      "src/library/",
      "type src/events/",
      "type src/config/",
    ],
  ],
  ["targets/", ["src/index.ts"]],
];

/** What a recipe could reach the world by, and may not: it gets its inputs and a place for its outputs. */
const WORLD = /^(node:)?(fs|fs\/promises|child_process|net|http|https|http2|tls|dns|dgram|os|process|vm|cluster)$/;

/** Words that the engine and the graph have no use for, comments included. */
const FOREIGN: ReadonlySet<string> = new Set(["provider", "batch", "batche", "token", "tokenizer", "dollar", "usd"]);

let sources: readonly Source[] = [];

beforeAll(async () => {
  await init();
  sources = [...sourcesBelow("src"), ...sourcesBelow("targets")];
});

function sourcesBelow(folder: string): Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort()
    .map((path) => {
      const text = readFileSync(join(ROOT, path), "utf8");
      return { path, text, imports: importsOf(path, text) };
    });
}

function importsOf(path: string, text: string): Import[] {
  const [found] = parse(text);
  return found.flatMap((item): Import[] => {
    if (item.type === "import-meta") return [];
    if (item.specifier === undefined) return [{ from: path, to: "a computed name", typeOnly: false }];
    const to = item.specifier.startsWith(".") ? join(dirname(path), item.specifier) : item.specifier;
    return [
      {
        from: path,
        to,
        typeOnly: item.type !== "dynamic" && (item.typeOnly || onlyTypes(text.slice(item.importStart, item.importEnd))),
      },
    ];
  });
}

/** `import { type A, type B } from "m"`: nothing of it is left when the code runs. */
function onlyTypes(statement: string): boolean {
  const braces = /^(?:import|export)\s*\{([\s\S]*)\}\s*from/.exec(statement)?.[1];
  return braces?.split(",").every((name) => name.trim() === "" || name.trim().startsWith("type ")) ?? false;
}

function ruleOf(path: string): readonly [string, readonly string[]] | undefined {
  return RULES.find(([prefix]) => path.startsWith(prefix));
}

/** Why an import is not allowed, or undefined. */
function fault({ from, to, typeOnly }: Import): string | undefined {
  const rule = ruleOf(from);
  if (rule === undefined) return `${from} belongs to no folder of the design`;
  if (!to.startsWith("src/") && !to.startsWith("targets/")) return undefined;
  const [, allowed] = rule;
  if (ruleOf(to) === rule) return undefined;
  const may = allowed.some((one) =>
    one.startsWith("type ") ? typeOnly && to.startsWith(one.slice(5)) : to.startsWith(one),
  );
  return may ? undefined : `${from} imports ${typeOnly ? "a type of " : ""}${to}`;
}

function ofFolder(...folders: readonly string[]): readonly Source[] {
  return sources.filter(({ path }) => folders.some((folder) => path.startsWith(folder)));
}

function exceptFolders(...folders: readonly string[]): readonly Source[] {
  return sources.filter(({ path }) => !folders.some((folder) => path.startsWith(folder)));
}

/** `path:line` of every match in code, comments left out. */
function mentions(list: readonly Source[], pattern: RegExp): string[] {
  return list.flatMap(({ path, text }) =>
    withoutComments(text)
      .split("\n")
      .flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
  );
}

/** The same lines with comments blanked; a `//` inside a string (an address) is left alone. */
function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "))
    .replace(/(^|\s)\/\/.*$/gm, "$1");
}

describe("the folders of src/ and targets/", () => {
  test("are all there, with something in them", () => {
    for (const [prefix] of RULES) expect(ofFolder(prefix), prefix).not.toEqual([]);
    expect(sources.flatMap(({ imports }) => imports).length).toBeGreaterThan(200);
  });

  test("import only what the design's arrows allow", () => {
    expect(sources.flatMap(({ imports }) => imports.flatMap((one) => fault(one) ?? []))).toEqual([]);
  });

  test("import their own modules by the .ts file that is there", () => {
    const known = new Set(sources.map(({ path }) => path));
    const lost = sources.flatMap(({ imports }) =>
      imports.filter(({ to }) => /^(src|targets)\//.test(to) && !known.has(to)),
    );
    expect(lost).toEqual([]);
  });

  test("hold no circle, not even one of types", () => {
    expect(circleIn(new Map(sources.map(({ path, imports }) => [path, imports.map(({ to }) => to)])))).toEqual([]);
  });

  test("import nothing by a computed name", () => {
    // The composition root and the engine load a project's own modules by path: that is not an import of ours.
    const computed = sources.flatMap(({ imports }) =>
      imports.filter(({ to }) => to === "a computed name").map(({ from }) => from),
    );
    expect(computed.filter((path) => !["src/engine/module-loader.ts"].includes(path))).toEqual([]);
  });

  test("hold no barrel but src/index.ts, no utils.ts and no types.ts", () => {
    expect(
      sources.map(({ path }) => path).filter((path) => /(^|\/)(utils|types|helpers|common)\.ts$/.test(path)),
    ).toEqual([]);
    const barrels = sources.filter(({ text }) => {
      const [, exports] = parse(text);
      return exports.length > 0 && exports.every(({ type }) => type !== "direct");
    });
    expect(barrels.map(({ path }) => path)).toEqual(["src/index.ts"]);
  });

  test("hold no file of more than 400 lines", () => {
    const long = sources.map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }));
    expect(long.filter(({ lines }) => lines > 400)).toEqual([]);
  });
});

describe("what may be touched where", () => {
  test("hand no list of any length to a call as its arguments: some hundred thousand are more than a call takes", () => {
    expect(mentions(sources, /\.push\(\.\.\./)).toEqual([]);
  });

  test("only report/ and cli/ print", () => {
    const printing = /\bconsole\s*\.|process\s*\.\s*(stdout|stderr)\b/;
    expect(mentions(exceptFolders("src/report/", "src/cli/"), printing)).toEqual([]);
  });

  test("recipes read no file, no network, no process, no environment", () => {
    const reached = ofFolder("src/recipes/", "src/page/").flatMap(({ imports }) =>
      imports.filter(({ to }) => WORLD.test(to)),
    );
    expect(reached).toEqual([]);
    expect(mentions(ofFolder("src/recipes/", "src/page/"), /process\s*\.|\bfetch\s*\(|import\.meta/)).toEqual([]);
  });

  test("recipes and the tasks they run see neither the time nor chance", () => {
    const chance =
      /\bDate\s*\.\s*now\b|new Date(?!\(\w)|performance\s*\.\s*now|Math\s*\.\s*random|randomUUID|randomBytes|Intl\.|toLocale\w+\((?!"en-US"\))|localeCompare/;
    expect(mentions(ofFolder("src/recipes/", "src/page/", "src/kinds/", "src/tasks/"), chance)).toEqual([]);
  });

  test("graph/ does nothing but compute", () => {
    const reached = ofFolder("src/graph/").flatMap(({ imports }) => imports.filter(({ to }) => WORLD.test(to)));
    expect(reached).toEqual([]);
  });

  test("batch/ and engine/ know no company", () => {
    const client = ofFolder("src/batch/", "src/engine/").flatMap(({ imports }) =>
      imports.filter(({ to }) => to === "openai"),
    );
    expect(client).toEqual([]);
  });

  test("the engine and the graph know gates and tools; what is asked, where and for how much is not in their words", () => {
    const words = /[A-Za-z][a-z]*|[A-Z]+(?![a-z])/g;
    const said = ofFolder("src/engine/", "src/graph/").flatMap(({ path, text }) =>
      text.split("\n").flatMap((line, i) => {
        const found = (line.match(words) ?? []).filter((word) => FOREIGN.has(word.toLowerCase().replace(/s$/, "")));
        return found.length === 0 ? [] : [`${path}:${i + 1}: ${line.trim()}`];
      }),
    );
    expect(said).toEqual([]);
  });

  test("nothing imports the simulator but its command and who chooses the provider", () => {
    const known = exceptFolders("src/simulator/").flatMap(({ imports }) =>
      imports.filter(({ to }) => to.startsWith("src/simulator/")).map(({ from }) => from),
    );
    expect([...new Set(known)].sort()).toEqual(["src/cli/provider-choice.ts", "src/cli/simulate.ts"]);
  });

  test("no command loads what draws: src/page is imported by the recipe of a report, and its types by who finds its facts", () => {
    const importers = exceptFolders("src/page/").flatMap(({ imports }) =>
      imports.filter(({ to, typeOnly }) => to.startsWith("src/page/") && !typeOnly).map(({ from }) => from),
    );
    expect([...new Set(importers)]).toEqual(["src/recipes/write-report.ts"]);
    const drawing = /^(@observablehq\/plot|linkedom|@hpcc-js\/wasm-graphviz)/;
    const drawers = sources.flatMap(({ imports }) =>
      imports.filter(({ to }) => drawing.test(to)).map(({ from }) => from),
    );
    expect(drawers.filter((path) => !path.startsWith("src/page/"))).toEqual([]);
    expect(
      mentions(ofFolder("src/page/"), /innerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function/),
    ).toEqual([]);
  });

  test("nothing imports what a kind's file may say but the config: a reworded key is to make no shard again", () => {
    const known = exceptFolders("src/kinds/schema/").flatMap(({ imports }) =>
      imports.filter(({ to }) => to.startsWith("src/kinds/schema/")).map(({ from }) => from),
    );
    expect([...new Set(known)].sort()).toEqual(["src/config/json-schema.ts", "src/config/validate.ts"]);
  });

  test("targets/ import nothing but dsgen and each other", () => {
    const others = ofFolder("targets/").flatMap(({ imports }) =>
      imports.filter(({ to }) => !/^(src\/index\.ts|targets\/)/.test(to)),
    );
    expect(others).toEqual([]);
  });
});

describe("the rules themselves", () => {
  test.each<[string, Import, boolean]>([
    ["down an arrow", { from: "src/engine/walk.ts", to: "src/graph/graph.ts", typeOnly: false }, true],
    ["against an arrow", { from: "src/graph/graph.ts", to: "src/engine/walk.ts", typeOnly: false }, false],
    ["against an arrow for a type", { from: "src/graph/graph.ts", to: "src/engine/walk.ts", typeOnly: true }, false],
    [
      "a type where types are allowed",
      { from: "src/report/plan.ts", to: "src/batch/metadata.ts", typeOnly: true },
      true,
    ],
    [
      "a value where types are allowed",
      { from: "src/report/plan.ts", to: "src/batch/metadata.ts", typeOnly: false },
      false,
    ],
    [
      "the provider's contract",
      { from: "src/providers/openai/wire.ts", to: "src/batch/provider.ts", typeOnly: true },
      true,
    ],
    [
      "more of batch/ than that",
      { from: "src/providers/openai/wire.ts", to: "src/batch/job.ts", typeOnly: true },
      false,
    ],
    [
      "the simulator from the provider",
      { from: "src/providers/openai/wire.ts", to: "src/simulator/state.ts", typeOnly: true },
      false,
    ],
    ["a kind's keys from config", { from: "src/config/a.ts", to: "src/kinds/schema/pairs.ts", typeOnly: false }, true],
    ["a kind's keys from the kind", { from: "src/kinds/a.ts", to: "src/kinds/schema/pairs.ts", typeOnly: true }, false],
    ["dsgen from targets", { from: "targets/index.ts", to: "src/index.ts", typeOnly: false }, true],
    [
      "the inside of dsgen from targets",
      { from: "targets/index.ts", to: "src/graph/declare.ts", typeOnly: false },
      false,
    ],
    ["a folder nobody knows", { from: "src/misc/a.ts", to: "src/graph/graph.ts", typeOnly: false }, false],
    ["a package", { from: "src/graph/digest.ts", to: "xxhash-wasm", typeOnly: false }, true],
  ])("judge %s", (_what, one, allowed) => {
    expect(fault(one) === undefined).toBe(allowed);
  });

  test("find a circle wherever it is", () => {
    expect(
      circleIn(
        new Map([
          ["a", ["b"]],
          ["b", ["c", "d"]],
          ["c", []],
          ["d", ["b"]],
        ]),
      ),
    ).toEqual(["b", "d", "b"]);
    expect(
      circleIn(
        new Map([
          ["a", ["b", "c"]],
          ["b", ["c"]],
          ["c", []],
        ]),
      ),
    ).toEqual([]);
  });

  test("read every way of importing", () => {
    const text = [
      'import a from "./a.ts";',
      'import type { B } from "./b.ts";',
      'import { type C } from "./c.ts";',
      'export { d } from "./d.ts";',
      'export type * from "./e.ts";',
      'const f = await import("../f.ts");',
      "const g = await import(f);",
    ].join("\n");
    expect(importsOf("src/x/y.ts", text).map(({ to, typeOnly }) => [to, typeOnly])).toEqual([
      ["src/x/a.ts", false],
      ["src/x/b.ts", true],
      ["src/x/c.ts", true],
      ["src/x/d.ts", false],
      ["src/x/e.ts", true],
      ["src/f.ts", false],
      ["a computed name", false],
    ]);
  });
});

/** One circle as a path that ends where it began; empty when there is none. */
function circleIn(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): readonly string[] => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return [];
    for (const next of graph.get(node) ?? []) {
      const circle = visit(next, [...path, node]);
      if (circle.length > 0) return circle;
    }
    done.add(node);
    return [];
  };
  for (const node of graph.keys()) {
    const circle = visit(node, []);
    if (circle.length > 0) return circle;
  }
  return [];
}
