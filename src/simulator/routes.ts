import { answerRoutes } from "./answer-calls.ts";
import { batchRoutes } from "./batch-calls.ts";
import type { BatchRunner } from "./batches.ts";
import { Lists, type Route } from "./calls.ts";
import { fileRoutes } from "./file-calls.ts";
import { errorReply, jsonReply } from "./reply.ts";
import type { Simulation } from "./simulation.ts";

/** The API's calls over one simulation. */
export function routesOf(simulation: Simulation, runner: BatchRunner): readonly Route[] {
  const lists = new Lists(simulation.now);
  return [
    ...fileRoutes(simulation, lists),
    ...batchRoutes(simulation, runner, lists),
    ...answerRoutes(simulation),
    { method: "GET", path: "/v1/models", run: () => jsonReply(200, { object: "list", data: MODELS }) },
    {
      method: "GET",
      path: "/v1/models/:id",
      run: ({ id }) => {
        const model = MODELS.find((one) => one.id === id);
        if (model !== undefined) return jsonReply(200, model);
        const message = `The model '${id}' does not exist`;
        return errorReply(404, { message, param: "model", code: "model_not_found" });
      },
    },
  ];
}

/** The models that are listed, with the day since when. Others are answered too: the simulator is not choosy. */
const MODELS = Object.entries({
  "gpt-3.5-turbo": 1_677_610_602,
  "gpt-3.5-turbo-instruct": 1_692_901_427,
  "text-embedding-ada-002": 1_671_217_299,
  "dall-e-2": 1_698_798_177,
  "dall-e-3": 1_698_785_189,
  "text-embedding-3-small": 1_705_948_997,
  "text-embedding-3-large": 1_705_953_180,
  "gpt-4o": 1_715_367_049,
  "gpt-4o-mini": 1_721_172_741,
  "omni-moderation-latest": 1_731_689_265,
  "gpt-4.1": 1_744_316_542,
  "gpt-4.1-mini": 1_744_318_173,
  "gpt-4.1-nano": 1_744_321_707,
  o3: 1_744_225_308,
  "o4-mini": 1_744_225_351,
  "gpt-image-1": 1_745_517_030,
  "gpt-5": 1_754_425_777,
  "gpt-5-mini": 1_754_425_928,
  "gpt-5-nano": 1_754_426_384,
}).map(([id, created]) => ({ id, object: "model", created, owned_by: "system" }));
