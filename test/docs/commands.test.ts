import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { type Provider, startProvider } from "../scenes/support/project.ts";
import { REPOSITORY } from "../scenes/support/shipped.ts";
import { missingOf, type Step, stepsOf } from "./page.ts";
import { isKnown, PageSession } from "./session.ts";

/*
 * Every command that README.md, CONTRIBUTING.md and docs/ show is run, in the order of its page, and so are the programs; what
 * a page says that the screen says is held against it. page.ts says which blocks are which.
 */

const PAGES = ["README.md", "CONTRIBUTING.md", ...docs()];

/** A synopsis (`dsgen build [TARGET...] [options]`) is no command: cli.md is generated, and its commands are tested there. */
const SYNOPSES = new Set(["docs/cli.md"]);
/** Its reader has an empty folder. */
const FROM_NOTHING = new Set(["docs/tutorial.md"]);
/** Needs the npm registry: the first hour's scene installs what is packed. */
const NEEDS_REGISTRY = /^npm install --save-dev \.\.\/dsgen\/dsgen-[\d.]+\.tgz$/;

describe.each(PAGES)("%s", (page) => {
  const steps = SYNOPSES.has(page) ? [] : stepsOf(read(page)).filter((step) => !needsRegistry(step));
  let provider: Provider;
  let session: PageSession;
  beforeAll(async () => {
    provider = await startProvider({ timing: "instant" });
    session = new PageSession(provider, FROM_NOTHING.has(page) ? "nothing" : "project");
  });
  afterAll(async () => {
    await session.end();
    await provider.remove();
  });

  it("has only commands that this test knows how to run", () => {
    const commands = steps.flatMap((step) => (step.kind === "command" ? [step.text] : []));
    expect(commands.filter((command) => !isKnown(command))).toEqual([]);
  });

  it.for(steps.map((step) => ({ step, title: titleOf(step) })))("$title", ({ step }, context) =>
    session.run(step, context),
  );
});

function needsRegistry(step: Step): boolean {
  return step.kind === "command" && NEEDS_REGISTRY.test(step.text);
}

function titleOf(step: Step): string {
  switch (step.kind) {
    case "command":
    case "scheduled":
    case "screen":
      return step.text;
    case "program":
      return `${step.language}: ${step.text.split("\n", 1)[0]} …`;
    case "edit":
    case "file":
      return step.path;
  }
}

it("CHANGELOG.md and every page hold no mark of a merge that was left undone", () => {
  const marked = [...PAGES, "CHANGELOG.md"].filter((page) => /^(<{7}|={7}|>{7})( |$)/m.test(read(page)));
  expect(marked).toEqual([]);
});

describe("links", () => {
  it.each(PAGES)("of %s lead to files and headings that are there", (page) => {
    for (const [, link = "", anchor] of read(page).matchAll(/\]\((?!https?:|\.\.\/\.\.\/)([^)#]*)(?:#([^)]*))?\)/g)) {
      const path = link === "" ? page : join(page, "..", link);
      expect(() => read(path), `${page}: ${link}`).not.toThrow();
      if (anchor !== undefined) expect(anchorsOf(read(path)), `${page}: ${path}`).toContain(anchor);
    }
  });

  it("of README.md name every page", () => {
    const named = docs().filter((page) => !read("README.md").includes(`](${page})`));
    expect(named).toEqual([]);
  });
});

test("a screen is held to every word that is not left out, whatever its ids, times and line ends", () => {
  const screen = "asking  2 files\nbatch_sim09e57039ecfdb568b186e6e8 failed\n  took 8.1 s\n";
  expect(missingOf("asking\n  2 files\n…\n  took 900 ms", screen)).toBeUndefined();
  expect(missingOf("…\nbatch_sim000000000000000000000000 failed\n…", screen)).toBeUndefined();
  expect(missingOf("…\nbatch_sim000000000000000000000000 expired\n…", screen)).toContain("expired");
  expect(missingOf("2 files\n…", screen)).toBe("2 files");
  expect(missingOf("…\nfailed", screen)).toContain("took");
  expect(missingOf("…\ntook 1 s\n…\nasking\n…", screen)).toBe("asking");
});

/** As GitHub names the headings of a page. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function docs(): string[] {
  return readdirSync(join(REPOSITORY, "docs"))
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => `docs/${name}`);
}

function read(page: string): string {
  return readFileSync(join(REPOSITORY, page), "utf8");
}
