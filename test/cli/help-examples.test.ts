import { expect, test } from "vitest";
import { createProgram, type Example } from "../../src/cli/command.ts";
import { allCommands } from "../../src/cli/main.ts";

/* The examples that a help page shows are read by the program itself; what each command does is run by its own scenes. */

const COMMANDS = await allCommands();
const shown: readonly (readonly [string, Example])[] = COMMANDS.flatMap(({ name, examples }) =>
  examples.map((example): readonly [string, Example] => [name, example]),
);

test.each(shown)("dsgen %s: an example is a command line of it, and fits 80 columns", async (name, [line, does]) => {
  const words = /\bdsgen ([^)|]*)/.exec(line)?.[1]?.match(/'[^']*'|\S+/g) ?? [];
  const argv = words.map((word) => word.replaceAll("'", ""));
  let ran: string | undefined;
  const reader = createProgram("", { writeOut: () => undefined, writeErr: () => undefined }, COMMANDS, (command) => {
    ran = command.name;
    return Promise.resolve();
  });
  await reader.parseAsync(argv, { from: "user" });
  expect(ran).toBe(name);
  expect(Math.max(line.length + 2, does.length + 6)).toBeLessThanOrEqual(80);
});
