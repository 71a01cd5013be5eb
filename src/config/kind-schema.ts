import type { z } from "zod";
import type { Right, Rule } from "./rules.ts";
import type { CommonTask } from "./schema-task.ts";
import type { OwnKeys } from "./task-config.ts";

/** What the config knows of one kind of task: `src/kinds/schema/` has one module each. */
export interface KindSchema<T extends CommonTask = CommonTask> {
  readonly name: string;
  /** What its entries are, for the reference page. */
  readonly about: string;
  readonly schema: z.ZodObject & z.ZodType<T>;
  /** Why keys that all other kinds have are not for it. */
  readonly leavesOut?: string;
  /** What its keys must satisfy together. */
  rules(task: Right<T>, rule: Rule): void;
  /** What its keys come to, beside those that every kind has. */
  own(task: T): OwnKeys;
}
