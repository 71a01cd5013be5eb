import type { z } from "zod";
import type { Path } from "./place.ts";

/*
 * What a value must satisfy beyond its shape. Rules run on what the schema accepts of a value, whatever else is wrong in it,
 * so that one run reports everything; and they say where by a path, never by a place in a file.
 */

/** What a schema accepts of a value: what it complains of is left out. */
export type Right<T> = T extends readonly (infer I)[]
  ? readonly (Right<I> | undefined)[]
  : T extends object
    ? { readonly [K in keyof T]?: Right<T[K]> | undefined }
    : T;

export type Rules<T> = (right: Right<T>, rule: Rule) => void;

/** What rules say of a value. */
export type Rule = {
  /** @param message from `must` on, after the name of the value at the path; or the whole, when it begins with a name */
  readonly report: (path: Path, message: string, fix: string, where?: Where) => void;
  /** A key must be given. */
  readonly lacks: (key: string) => void;
  /** Whether something is written, right or not. */
  readonly has: (key: string) => boolean;
};

/** `key`: the fault is the last key of the path, not its value. `up`: how many of the last steps are not in the name. */
export type Where = { readonly key?: boolean; readonly up?: number };

/** What a rule's issue carries for the message. */
export type RuleParams = Where & { readonly fix: string };

/** A schema, and what its values must satisfy beyond it. */
export function withRules<S extends z.ZodType>(schema: S, rules: Rules<z.output<S>>): S {
  return schema.superRefine(
    (value, context) => {
      const right = rightOf(value, context.issues);
      rules(right as Right<z.output<S>>, {
        report: (path, message, fix, where = {}) =>
          context.addIssue({ code: "custom", path: [...path], message, params: { ...where, fix } }),
        lacks: (key) => context.addIssue({ code: "custom", path: [key] }),
        has: (key) => isObject(value) && value[key] !== undefined,
      });
    },
    { when: ({ value }) => isObject(value) && !Array.isArray(value) },
  );
}

function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === "object" && value !== null;
}

/** An issue of a schema; that of a union is known by what is wrong with the member that was meant. */
export type Issue = z.core.$ZodRawIssue | z.core.$ZodIssue;

/** Issues with their whole paths, those of a union's member in the union's place. */
export function leaves(issues: readonly Issue[], prefix: Path = []): { readonly issue: Issue; readonly path: Path }[] {
  return issues.flatMap((issue) => {
    const path = [...prefix, ...(issue.path ?? []).map((step) => (typeof step === "number" ? step : String(step)))];
    // The member whose own type fits but not what is inside it is the one that was meant.
    const errors: readonly (readonly z.core.$ZodIssue[])[] = issue.code === "invalid_union" ? issue.errors : [];
    const meant = errors.find((inner) => inner.length > 0 && inner.every((error) => error.path.length > 0));
    return meant === undefined ? [{ issue, path }] : leaves(meant, path);
  });
}

/** What a kind says of itself to the rules that kinds share. */
export type Setting = {
  readonly name: string;
  /** Keys of the prompt that it needs beyond those of every prompt. */
  readonly needs: readonly string[];
  /** The key that says what an entry's keys are. */
  readonly whose: string;
  /** Every field at once, as a check's `field` names it. */
  readonly all: string;
  /** Whether checks of tokens make sense. */
  readonly ofTokens: boolean;
};

/** A list names each thing once. @param what what is named, in one word */
export function namedOnce(
  list: string,
  names: readonly (string | undefined)[] | undefined,
  what: string,
  { report }: Rule,
): void {
  const seen = new Set<string>();
  names?.forEach((name, index) => {
    if (name !== undefined && seen.has(name)) {
      const message = `must name each ${what} once; found ${name} again.`;
      report([list, index], message, "Remove one of the two.", { up: 1 });
    }
    if (name !== undefined) seen.add(name);
  });
}

function rightOf(value: unknown, issues: readonly Issue[]): unknown {
  const faulty = leaves(issues).filter(({ issue }) => issue.code !== "custom");
  if (faulty.length === 0) return value;
  const right: unknown = structuredClone(value);
  for (const { issue, path } of faulty) {
    const gone = issue.code === "unrecognized_keys" ? issue.keys.map((key: string) => [...path, key]) : [path];
    for (const one of gone) {
      const owner = one.slice(0, -1).reduce((node, step) => (isObject(node) ? node[step] : undefined), right);
      const last = one.at(-1);
      if (isObject(owner) && last !== undefined) owner[last] = undefined;
    }
  }
  return right;
}
