import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { openBrowser } from "../test/page/browser.ts";
import { liveScreen } from "./live-screen.ts";
import { screenSvg } from "./screen-svg.ts";

/*
 * Makes the README's pictures of the shipped project, its answers simulated: docs/pictures/report.png, the top of the report, by a
 * Chromium; and docs/pictures/live.svg, the screen of a build that waits, by tmux. With the compiled program.
 */

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PICTURES = join(ROOT, "docs", "pictures");

const folder = mkdtempSync(join(tmpdir(), "dsgen-pictures-"));
try {
  cpSync(join(ROOT, "config"), join(folder, "config"), { recursive: true });
  const simulated = ["--provider", "simulator", "--set", "dsgen.simulator.speed=1000000"];
  dsgen("build", "--wait", ...simulated);
  dsgen("report", ...simulated);
  await draw(join(folder, "report.html"));
  writeFileSync(
    join(PICTURES, "live.svg"),
    screenSvg(await liveScreen(), "dsgen build --wait: about half of the batches over"),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function dsgen(...args: readonly string[]): void {
  const { status } = spawnSync(process.execPath, [join(ROOT, "bin", "dsgen.js"), ...args], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) throw new Error(`dsgen ${args.join(" ")} ended with ${status}`);
}

/** The head of the page with its figures, and beside it one scenario's tokens. */
async function draw(report: string): Promise<void> {
  mkdirSync(PICTURES, { recursive: true });
  const browser = await openBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1120, height: 900 }, colorScheme: "light" });
    await page.goto(pathToFileURL(report).href);
    // Of all parts those that tell the most at a glance.
    await page.evaluate(`
      const keep = new Set(["funnel0", "batches0", "sample0"]);
      for (const section of document.querySelectorAll("section")) {
        section.hidden = !keep.has(section.querySelector("h2").id);
      }
      for (const one of document.querySelectorAll("nav, figure .scroll, figure details, .find, .more, #graph, #graph ~ *, footer, .rows > li ~ li")) {
        one.hidden = true;
      }
    `);
    const height = Number(
      await page.evaluate("document.querySelector('.rows > li').getBoundingClientRect().bottom + 28"),
    );
    await page.setViewportSize({ width: 1120, height: Math.ceil(height) });
    await page.screenshot({ path: join(PICTURES, "report.png") });
  } finally {
    await browser.close();
  }
}
