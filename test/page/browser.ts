import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";

/** As Node loads it: jiti, which runs scripts, would compile it anew, and wrongly. */
const { chromium } = createRequire(import.meta.url)("playwright-core") as typeof import("playwright-core");

/** The browser of the machine: `CHROMIUM` names another. */
const PLACES = [
  process.env["CHROMIUM"] ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];
export const CHROMIUM = PLACES.find((path) => path !== "" && existsSync(path));

export function openBrowser(): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error("no Chromium");
  return chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
}

export interface Look {
  readonly width: number;
  readonly scheme: "light" | "dark";
}

/** Opens a page from a file, and notes all that it asks for and complains of. */
export async function opened(
  browser: Browser,
  html: string,
  { width, scheme }: Look,
  use: (seen: Seen) => Promise<void>,
) {
  const folder = mkdtempSync(join(tmpdir(), "dsgen-page-"));
  const file = join(folder, "report.html");
  writeFileSync(file, html);
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme });
  const asked: string[] = [];
  const said: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(error.message));
  page.on("dialog", (dialog) => said.push(dialog.message()));
  try {
    await page.goto(pathToFileURL(file).href);
    await use({ page, asked: asked.filter((url) => url !== pathToFileURL(file).href), said });
  } finally {
    await page.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface Seen {
  readonly page: Page;
  /** What was asked for beside the page itself. */
  readonly asked: readonly string[];
  readonly said: readonly string[];
}
