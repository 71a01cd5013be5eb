import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasProgram, inTurn, milliseconds, type Row, runMs } from "./measure.ts";

const CHAIN = 10;

/** Null builds of many small targets (chains of ten copies of a 4 kB file), against ninja or make over the same files. */
export function nullBuildRows(repository: string, scratch: string, targets: number): Row[] {
  const peer = hasProgram("ninja") ? "ninja" : hasProgram("make") ? "make" : undefined;
  if (peer === undefined) return [];
  const chains = Math.max(1, Math.round(targets / CHAIN));
  cpSync(join(repository, "config"), join(scratch, "config"), { recursive: true });
  writeProject(scratch, chains);
  const launcher = join(repository, "bin", "dsgen.js");
  const dsgen = (args: readonly string[] = []) =>
    runMs(process.execPath, [launcher, "build", "all.txt", ...args], scratch);
  const other = () => runMs(peer, peer === "make" ? ["-s"] : [], join(scratch, "peer"));
  dsgen();
  other();
  const count = chains * CHAIN + 1;
  const untouched = inTurn(5, dsgen, other);
  const edit = (n: number) => writeFileSync(join(scratch, "in", "0.txt"), content(1_000_000 + n));
  let edits = 0;
  const changed = inTurn(
    3,
    () => {
      edit(edits++);
      return dsgen();
    },
    () => {
      writeFileSync(join(scratch, "peer", "in", "0.txt"), content(edits));
      return other();
    },
  );
  const bar = count > 5000 && peer === "ninja" ? ({ sign: "≤", value: 2.5 } as const) : null;
  return [
    row(`null build, ${count} targets`, untouched, peer, bar),
    row(`one changed input of ${count} targets`, changed, peer, null),
  ];
}

function row(what: string, times: { ours: number; peer: number }, peer: string, bar: Row["bar"]): Row {
  const { ours } = times;
  return {
    what,
    ours: milliseconds(ours),
    peer: `${peer}: ${milliseconds(times.peer)}`,
    ratio: ours / times.peer,
    bar,
  };
}

function content(n: number): string {
  return `${String(n).padStart(7, "0")}\n`.repeat(512);
}

function writeProject(scratch: string, chains: number): void {
  const write = (path: string, text: string) => writeFileSync(join(scratch, path), text);
  for (const folder of ["in", "targets", "peer", "peer/in"]) mkdirSync(join(scratch, folder), { recursive: true });
  for (let chain = 0; chain < chains; chain++) {
    write(`in/${chain}.txt`, content(chain));
    write(`peer/in/${chain}.txt`, content(chain));
  }
  write(
    "targets/copy.js",
    `export default async (context) => {
  const out = context.output();
  for (const input of context.files("from")) await out.write(await input.bytes());
};
`,
  );
  write(
    "targets/index.js",
    `const target = (name, from) => ({ name, outputs: [name], recipe: "targets/copy.js", inputs: { from }, pool: "cpu", stage: "copies" });
export default () => {
  const targets = [];
  const last = [];
  for (let chain = 0; chain < ${chains}; chain++) {
    for (let link = 0; link < ${CHAIN}; link++) {
      const before = \`out/\${chain}-\${link - 1}.txt\`;
      const from = link === 0 ? { kind: "glob", patterns: [\`in/\${chain}.txt\`] } : { kind: "targets", targets: [before] };
      targets.push(target(\`out/\${chain}-\${link}.txt\`, from));
    }
    last.push(\`out/\${chain}-${CHAIN - 1}.txt\`);
  }
  return { targets: [...targets, target("all.txt", { kind: "targets", targets: last })], live: [] };
};
`,
  );
  const lasts = Array.from({ length: chains }, (_, chain) => `out/${chain}-${CHAIN - 1}.txt`);
  const links = Array.from({ length: chains * CHAIN }, (_, n) => {
    const chain = Math.floor(n / CHAIN);
    const link = n % CHAIN;
    return { to: `out/${chain}-${link}.txt`, from: link === 0 ? `in/${chain}.txt` : `out/${chain}-${link - 1}.txt` };
  });
  const ninja = links.map(({ to, from }) => `build ${to}: copy ${from}\n`).join("");
  write("peer/build.ninja", `rule copy\n  command = cat $in > $out\n${ninja}build all.txt: copy ${lasts.join(" ")}\n`);
  const make = links.map(({ to, from }) => `${to}: ${from}\n\t@mkdir -p out && cat $^ > $@\n`).join("");
  write("peer/Makefile", `all.txt: ${lasts.join(" ")}\n\t@cat $^ > $@\n${make}`);
}
