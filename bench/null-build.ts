import { cpSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { atMost, type Bar, hasProgram, inTurn, milliseconds, type Row, row, run, type Took } from "./measure.ts";

const CHAIN = 10;
const MAKE = ["-s"];

/**
 * Builds of many small targets (chains of ten copies of a 4 kB file) with nothing to do, with every file touched, and with
 * one input changed; against ninja and make over the same files. The bars are against ninja, for 10,000 targets.
 */
export function nullBuildRows(repository: string, scratch: string, targets: number): Row[] {
  const chains = Math.max(1, Math.round(targets / CHAIN));
  const count = chains * CHAIN + 1;
  cpSync(join(repository, "config"), join(scratch, "config"), { recursive: true });
  writeProject(scratch, chains);
  const launcher = join(repository, "bin", "dsgen.js");
  const dsgen = () => run(process.execPath, [launcher, "build", "all.txt"], scratch);
  dsgen();
  // The first that parses no config makes room for V8's code of those that parse none, the next keeps it.
  dsgen();
  writeFileSync(join(scratch, "in", "0.txt"), content(1_000_000));
  dsgen();
  // The build that leaves what later ones compare with.
  dsgen();
  const peers = ["ninja", "make"].filter(hasProgram);
  const builds = peers.map((name) => () => run(name, name === "make" ? MAKE : [], join(scratch, "peer", name)));
  for (const build of builds) build();
  const [untouched, ...others] = inTurn(5, dsgen, ...builds);
  const [ninja] = peers.indexOf("ninja") === 0 ? others : [];
  const bar = (value: number, of: string | undefined): Bar | null =>
    of === "ninja" && count > 5000 ? atMost(value) : null;
  const rows: Row[] = [];
  if (untouched === undefined) return rows;
  for (const [i, took] of others.entries()) {
    const peer = peers[i];
    rows.push(row(`null build, ${count} targets`, untouched, peer ?? "", took, bar(2.5, peer)));
  }
  if (ninja === undefined) return rows;
  const [touched] = inTurn(3, () => {
    touch(scratch);
    return dsgen();
  });
  if (touched !== undefined) {
    rows.push(row(`the same with every file touched`, touched, "ninja, nothing touched", ninja, bar(4, "ninja")));
  }
  let edits = 0;
  const [changed, again] = inTurn(
    3,
    () => {
      writeFileSync(join(scratch, "in", "0.txt"), content(1_000_001 + edits++));
      return dsgen();
    },
    () => {
      writeFileSync(join(scratch, "peer", "ninja", "in", "0.txt"), content(edits));
      return run("ninja", [], join(scratch, "peer", "ninja"));
    },
  );
  if (changed === undefined || again === undefined) return rows;
  const allowed: Took = { wall: 4 * again.wall + 150, processor: 4 * again.processor + 150 };
  const peer = `4 × ninja (${milliseconds(again.wall)}) + 150 ms`;
  rows.push(row(`one changed input of ${count} targets`, changed, peer, allowed, bar(1, "ninja")));
  return rows;
}

/** Every file's time, and no byte, becomes another. */
function touch(scratch: string): void {
  const now = Date.now() / 1000 - 5;
  for (const folder of ["in", "out"]) {
    for (const name of readdirSync(join(scratch, folder))) utimesSync(join(scratch, folder, name), now, now);
  }
}

function content(n: number): string {
  return `${String(n).padStart(7, "0")}\n`.repeat(512);
}

function writeProject(scratch: string, chains: number): void {
  const write = (path: string, text: string) => writeFileSync(join(scratch, path), text);
  for (const folder of ["in", "targets", "peer/ninja/in", "peer/make/in"])
    mkdirSync(join(scratch, folder), { recursive: true });
  for (let chain = 0; chain < chains; chain++) {
    write(`in/${chain}.txt`, content(chain));
    for (const peer of ["ninja", "make"]) write(`peer/${peer}/in/${chain}.txt`, content(chain));
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
  write(
    "peer/ninja/build.ninja",
    `rule copy\n  command = cat $in > $out\n${ninja}build all.txt: copy ${lasts.join(" ")}\n`,
  );
  const make = links.map(({ to, from }) => `${to}: ${from}\n\t@mkdir -p out && cat $^ > $@\n`).join("");
  write("peer/make/Makefile", `all.txt: ${lasts.join(" ")}\n\t@cat $^ > $@\n${make}`);
}
