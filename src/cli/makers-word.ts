import type { TaskConfig } from "../config/project-config.ts";

/** What only the maker of a dataset can say of it. */
const MAKERS_WORD = ["license", "creator", "url", "published"] as const;

/** What a folder for the hub lacks because nobody has said it, and where to; undefined when nothing is missing. */
export function untoldOf({ task_name, exports }: TaskConfig): string | undefined {
  const untold = MAKERS_WORD.filter((key) => exports[key] === undefined);
  if (untold.length === 0) return undefined;
  return `tasks/${task_name}.yaml: exports says no ${untold.join(", no ")}: the card and Croissant's description lack it`;
}
