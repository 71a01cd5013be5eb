import { describe } from "vitest";
import { localExecutor } from "../../src/executors/local.ts";
import { executorSuite } from "./suite.ts";

describe("local", () => {
  executorSuite(({ store, modules, tools }) => {
    const { content, blobs, paths } = store;
    return localExecutor({ modules, tools, content, blobs, stagingRoot: paths.tmp, threads: 2 });
  });
});
