import { parentPort } from "node:worker_threads";
import type { ToolRef } from "../graph/target.ts";
import { makeIn } from "./execute.ts";
import { faultPoint } from "./fault-points.ts";
import { loadModule } from "./module-loader.ts";
import type { Recipe } from "./recipe.ts";
import { type FromThread, nameOf, type ToThread } from "./recipe-threads.ts";

/* What runs in each thread: one recipe after the other. */

const port = parentPort;
if (port === null) throw new Error("this module runs in a worker thread only");
const known = new Set<string>();
let controller = new AbortController();
port.on("message", async (told: ToThread) => {
  if (told.kind === "abort") {
    controller.abort(new Error(told.reason));
    return;
  }
  const { action, folder, handles, module } = told;
  controller = new AbortController();
  const { signal } = controller;
  faultPoint("recipe.thread.begun");
  const recipe = await loadModule(module, action.target.recipe);
  const tools = { open: async (tool: ToolRef) => handles.get(nameOf(tool)) };
  const options = { threads: 1, signal, answers: undefined, tools };
  const made = recipe.ok ? await makeIn(folder, recipe.value as Recipe, action, options) : recipe;
  port.postMessage({ made, loaded: !known.has(module) } satisfies FromThread);
  known.add(module);
});
