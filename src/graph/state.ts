import type { z } from "zod";
import type {
  progress,
  restoreReason,
  staleReason,
  stateName,
  targetState,
  waitingElsewhere,
  waitingOn,
} from "../events/schema.ts";

/*
 * The states of a target, as they are published: types only, and nothing of the schemas is loaded.
 */

/** Why a target must be made again. Closed: `plan`, `explain` and the events all speak in these. */
export type StaleReason = Readonly<z.output<typeof staleReason>>;

/** Why a restored target was not simply there. */
export type RestoreReason = z.output<typeof restoreReason>;

export type Progress = Readonly<z.output<typeof progress>>;

/** What a waiting target waits for: one remote job. */
export type WaitingOn = Readonly<z.output<typeof waitingOn>>;

/** Where an action that is made elsewhere stands, and why it is not made yet. */
export type WaitingElsewhere = Readonly<z.output<typeof waitingElsewhere>>;

/** The states of a target, and the only ones. */
export type TargetState = Readonly<z.output<typeof targetState>>;

export type StateName = z.output<typeof stateName>;
