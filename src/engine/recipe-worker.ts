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
port.on("message", async ({ action, folder, handles, module }: ToThread) => {
  faultPoint("recipe.thread.begun");
  const recipe = await loadModule(module, action.target.recipe);
  const tools = { open: async (tool: ToolRef) => handles.get(nameOf(tool)) };
  // Never aborted: whoever wants no more of it ends the thread.
  const { signal } = new AbortController();
  const options = { threads: 1, signal, answers: undefined, tools };
  const made = recipe.ok ? await makeIn(folder, recipe.value as Recipe, action, options) : recipe;
  port.postMessage({ made, loaded: !known.has(module) } satisfies FromThread);
  known.add(module);
});
