import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** Whose code called: dsgen's, what loads modules, an installed package's, the project's own; nobody's after a wait in Node. */
export type Caller =
  | { readonly kind: "dsgen" | "loader" | "package" | "nobody"; readonly throughNode: boolean }
  | { readonly kind: "project"; readonly file: string; readonly throughNode: boolean };

const OWN_CODE = join(dirname(fileURLToPath(import.meta.url)), "..") + sep;
const HOOKS = join(dirname(fileURLToPath(import.meta.url)), "guard");
const FRAMES = 40;

/**
 * Told from the stack: the first frame that is neither Node's nor these hooks'. `throughNode`: Node itself asked on its
 * behalf (`console.log` looks for NO_COLOR).
 */
export function callerOf(): Caller {
  let throughNode = false;
  for (const [at, file] of framesAbove().entries()) {
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

/** The files of the calls under way, innermost first, without the hooks' own. */
function framesAbove(): string[] {
  const { stackTraceLimit, prepareStackTrace } = Error;
  try {
    Error.stackTraceLimit = FRAMES;
    Error.prepareStackTrace = (_error, sites) => sites.map((site) => site.getFileName());
    const { stack }: { stack?: unknown } = new Error();
    const files = Array.isArray(stack) ? stack : [];
    return files.flatMap((file: unknown) => {
      if (typeof file !== "string" || file === "") return [];
      const path = file.startsWith("file:") ? fileURLToPath(file) : file;
      return path.startsWith(HOOKS) ? [] : [path];
    });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    Error.prepareStackTrace = prepareStackTrace;
  }
}
