import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { openBrowser } from "../test/page/browser.ts";

/*
 * Makes docs/pictures/report.png, the picture in the README: the top of the shipped project's report, its answers simulated. Needs a
 * Chromium, and the compiled program.
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
