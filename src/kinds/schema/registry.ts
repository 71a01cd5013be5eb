import type { KindSchema } from "../../config/kind-schema.ts";
import { embeddings } from "./embeddings.ts";
import { pairs } from "./pairs.ts";
import { records } from "./records.ts";

/** What a task file of each kind may say; the first is that of a file that names none. `../registry.ts` has the same kinds. */
export const KIND_SCHEMAS: readonly [KindSchema, ...KindSchema[]] = [pairs, records, embeddings];
