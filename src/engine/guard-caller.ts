import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** Whose code called: dsgen's, what loads modules, an installed package's, the project's own; nobody's after a wait in Node. */
export type Caller =
  | { readonly kind: "dsgen" | "loader" | "package" | "nobody"; readonly throughNode: boolean }
  | { readonly kind: "project"; readonly file: string; readonly throughNode: boolean };

const OWN_CODE = join(dirname(fileURLToPath(import.meta.url)), "..") + sep;
/** A function that is called in place of one of Node's own. */
export type Hook = (...args: never) => unknown;

const FRAMES = 40;

/**
 * Told from the stack: the first frame above a hook that is not Node's. `throughNode`: Node itself asked on its behalf
 * (`console.log` looks for NO_COLOR).
 */
export function callerOf(hook: Hook): Caller {
  let throughNode = false;
  for (const [at, file] of framesAbove(hook).entries()) {
    if (file.startsWith("node:internal/modules/")) return { kind: "loader", throughNode };
    if (file.startsWith("node:")) {
      throughNode ||= at === 0;
      continue;
    }
    if (file.includes(`${sep}node_modules${sep}jiti${sep}`)) return { kind: "loader", throughNode };
    if (file.startsWith(OWN_CODE)) return { kind: "dsgen", throughNode };
    if (file.includes(`${sep}node_modules${sep}`)) return { kind: "package", throughNode };
    return { kind: "project", file, throughNode };
  }
  return { kind: "nobody", throughNode };
}

/** The files of the calls under way, innermost first, from whoever called the hook on. */
function framesAbove(hook: Hook): string[] {
  const { stackTraceLimit, prepareStackTrace } = Error;
  try {
    Error.stackTraceLimit = FRAMES;
    Error.prepareStackTrace = (_error, sites) => sites.map((site) => site.getFileName());
    const taken: { stack?: unknown } = {};
    Error.captureStackTrace(taken, hook);
    const files = Array.isArray(taken.stack) ? taken.stack : [];
    return files.flatMap((file: unknown) => {
      if (typeof file !== "string" || file === "") return [];
      return [file.startsWith("file:") ? fileURLToPath(file) : file];
    });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    Error.prepareStackTrace = prepareStackTrace;
  }
}
