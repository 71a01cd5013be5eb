import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Long matrices run where there is an hour (.ci/run), not in front of a person.
    exclude: process.env["DSGEN_LONG_TESTS"] === "1" ? [] : ["test/**/*.long.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 2,
    reporters: ["default", "./test/support/summary-reporter.ts"],
  },
});
