import type { z } from "zod";
import type { buildEventSchema } from "./event-schema.ts";

/** All that a build tells the outside. The engine emits, only report/ prints; `--json` writes each as one line. */
export type BuildEvent = z.output<typeof buildEventSchema>;

/** A few requests asked to see what comes of them. */
export type PilotResult = Omit<Extract<BuildEvent, { type: "pilot" }>, "type">;

/** How an invocation ended, worst first: a failure outranks a refusal, which outranks a wait. */
export type BuildOutcome = Exclude<Extract<BuildEvent, { type: "build-finished" }>["outcome"], "pilot">;

export type Emit = (event: BuildEvent) => void;
