import { foldedPath } from "./names.ts";
import type { Problem } from "./problem.ts";
import type { Target } from "./target.ts";

/**
 * A target cannot be a file and another target's folder at once, and two names that differ in case or in the way an accent
 * is written are one file on many file systems.
 * @param isName whether a name is one of these
 */
export function pathConflicts(names: readonly string[], isName: (name: string) => boolean): Problem[] {
  const problems: Problem[] = [];
  const known = names.every((name) => foldedPath(name) === name) ? undefined : new Map<string, string>();
  for (const name of known === undefined ? [] : names) {
    const folded = foldedPath(name);
    const other = known?.get(folded);
    if (other === undefined) known?.set(folded, name);
    else if (other !== name) problems.push(sameFile(name, `the target ${other}`));
  }
  const named = (folded: string) => (known === undefined && isName(folded) ? folded : known?.get(folded));
  // Thousands of targets lie in few folders.
  const folders = new Map<string, string | undefined>();
  for (const name of names) {
    for (let slash = name.indexOf("/"); slash !== -1; slash = name.indexOf("/", slash + 1)) {
      const path = name.slice(0, slash);
      if (!folders.has(path)) folders.set(path, named(foldedPath(path)));
      const folder = folders.get(path);
      if (folder !== undefined) {
        problems.push({
          kind: "graph",
          where: folder,
          message: `it is a target, and also the folder of the target ${name}.`,
          fix: "Rename one of them.",
        });
      }
    }
  }
  return problems;
}

/** A declared file that a target would write over where case and accents do not count. Equal names are told elsewhere. */
export function inputConflicts(targets: readonly Target[], names: readonly string[]): Problem[] {
  let folded: ReadonlyMap<string, string> | undefined;
  const problems: Problem[] = [];
  for (const { name: where, inputs } of targets) {
    for (const name in inputs) {
      const input = inputs[name];
      if (input?.kind !== "file") continue;
      folded ??= new Map(names.map((each) => [foldedPath(each), each]));
      const output = folded.get(foldedPath(input.path));
      if (output === undefined || output === input.path) continue;
      problems.push(sameFile(output, `${input.path}, a file that ${where} is made from`));
    }
  }
  return problems;
}

function sameFile(name: string, other: string): Problem {
  return {
    kind: "graph",
    where: name,
    message: `a file system that ignores case, or the ways of writing an accent, takes it for ${other}.`,
    fix: "Rename one of them.",
  };
}
