import { answerRoutes } from "./answer-calls.ts";
import { batchRoutes } from "./batch-calls.ts";
import { BatchRunner } from "./batches.ts";
import type { Route } from "./calls.ts";
import { fileRoutes } from "./file-calls.ts";
import { MODEL_ROUTES } from "./models.ts";
import { ListingLag, type World } from "./world.ts";

/** The API's calls over one world. */
export class Routes {
  readonly all: readonly Route[];
  readonly #world: World;
  readonly #runner: BatchRunner;

  constructor(world: World) {
    this.#world = world;
    this.#runner = new BatchRunner(world.state, world, world.now);
    const lag = new ListingLag(world.now);
    this.all = [
      ...fileRoutes(world, lag),
      ...batchRoutes(world, this.#runner, lag),
      ...answerRoutes(world),
      ...MODEL_ROUTES,
    ];
  }

  /** Brings every batch up to the present, so that the ledger is complete. */
  async settle(): Promise<void> {
    for (const { id } of this.#world.state.batches()) await this.#runner.settle(id);
  }

  /** Lets go of what is under way. */
  stop(): Promise<void> {
    return this.#runner.stop();
  }
}
