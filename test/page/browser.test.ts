import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHROMIUM, openBrowser, opened } from "./browser.ts";
import { type Entry, graphOf, HOSTILE, reportOf } from "./fixture.ts";

/*
 * The page in a real browser. Where there is none the tests are skipped, and say how to get one: `apt-get install chromium`, or
 * the variable CHROMIUM.
 */

const WHERE = CHROMIUM ?? "skipped: no Chromium; apt-get install chromium, or name one with CHROMIUM";
const HOSTILE_ENTRIES = HOSTILE.flatMap((text): Entry[] => [
  { texts: [text, `b ${text}`] },
  { texts: [text, "left out"], fails: text.slice(0, 60) },
]);
const MANY = Array.from({ length: 120 }, (_, n): Entry => ({ texts: [`first ${n}`, `second ${n}`] }));

describe.skipIf(CHROMIUM === undefined)(`a report in ${WHERE}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  it.each([
    [10, 1280, "light"],
    [10, 390, "dark"],
    [2000, 1280, "dark"],
    [2000, 390, "light"],
  ] as const)(
    "%i targets at %i pixels, %s: nothing runs, nothing is asked for, nothing is wider than the window",
    async (targets, width, scheme) => {
      const [hostile = ""] = HOSTILE;
      const html = await reportOf({
        entries: [...HOSTILE_ENTRIES, ...MANY],
        graph: graphOf(targets).map((line) => ({ ...line, stage: `${line.stage}${hostile}` })),
        axisValue: HOSTILE[1] ?? "",
        errorCode: HOSTILE[6] ?? "",
      });
      await opened(browser, html, { width, scheme }, async ({ page, asked, said }) => {
        // All of the sample is written out, and every part unfolded.
        while (await page.locator(".more").isVisible()) await page.locator(".more").click();
        for (const part of await page.locator("details").all())
          await part.evaluate((one) => one.setAttribute("open", ""));
        expect(await page.evaluate("globalThis.struck")).toBeUndefined();
        expect([asked, said]).toEqual([[], []]);
        expect(await page.locator("img, iframe, object, embed, base, link, form").count()).toBe(0);
        expect(await page.locator("script").count()).toBe(2);
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
        const cards = await page.locator(".rows > li").allTextContents();
        expect(cards.some((text) => text.includes("</script><script>globalThis.struck = 1</script>"))).toBe(true);
        expect(cards.some((text) => text.includes("\\u202egnp.exe"))).toBe(true);
        const bar = width > 640 ? "svg.wide" : "svg.narrow";
        expect(await page.locator(`${bar}:visible`).count()).toBeGreaterThan(5);
      });
    },
  );

  it("would run nothing even if there were a hole: the policy refuses scripts and handlers that are not its own", async () => {
    const html = await reportOf({ entries: MANY });
    const holed = html.replace(
      "<footer>",
      '<footer><script>globalThis.struck = 1</script><img src="x:" onerror="globalThis.struck = 1"><p style="color:red">',
    );
    expect(holed).not.toBe(html);
    await opened(browser, holed, { width: 1280, scheme: "light" }, async ({ page, said }) => {
      expect(await page.evaluate("globalThis.struck")).toBeUndefined();
      expect(said.join("\n")).toMatch(/Content Security Policy/);
    });
  });

  it("searches, chooses and shows more, and says how many", async () => {
    const html = await reportOf({ entries: [...MANY, { texts: ["odd", "one"], fails: "length" }] });
    await opened(browser, html, { width: 1280, scheme: "light" }, async ({ page }) => {
      const said = page.getByRole("status");
      expect(await said.textContent()).toBe("20 of 121 shown");
      await page.getByLabel("Search the sample").fill("SECOND 117");
      expect(await said.textContent()).toBe("1 of 1 shown");
      await page.getByLabel("Search the sample").fill("no such text");
      expect(await said.textContent()).toBe("Nothing found.");
      await page.getByLabel("Search the sample").fill("");
      await page.getByLabel("Which candidates").selectOption("invalid");
      expect(await said.textContent()).toBe("1 of 1 shown");
      expect(await page.locator(".rows > li").textContent()).toContain("odd");
    });
  });

  it("is reached by the keyboard alone, every link, field, button, fold and scrolled part of it", async () => {
    const html = await reportOf({ entries: MANY });
    await opened(browser, html, { width: 1280, scheme: "light" }, async ({ page }) => {
      const wanted = await page.evaluate(`
        [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")]
          .filter((one) => one.checkVisibility() && !one.closest("details:not([open]) > :not(summary)"))
          .forEach((one, at) => { one.dataset.at = at; });
        document.querySelectorAll("[data-at]").length`);
      const reached = new Set<unknown>();
      for (let presses = 0; presses < Number(wanted) + 5; presses++) {
        await page.keyboard.press("Tab");
        reached.add(await page.evaluate("document.activeElement.dataset.at"));
      }
      reached.delete(undefined);
      expect(reached.size).toBe(wanted);
      // The first stop leads past the links, and what is hidden until then shows itself.
      await page.reload();
      await page.keyboard.press("Tab");
      expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the content");
      await page.keyboard.press("Enter");
      await page.waitForURL(/#main$/);
    });
  });

  it("has one first heading, headings without gaps, names for all fields, and a table for each chart", async () => {
    const html = await reportOf({ entries: MANY });
    await opened(browser, html, { width: 1280, scheme: "light" }, async ({ page }) => {
      const levels = await page
        .locator("h1,h2,h3")
        .evaluateAll((all) => all.map(({ tagName }) => Number(tagName.slice(1))));
      expect(levels.filter((level) => level === 1)).toEqual([1]);
      levels.forEach((level, at) => void expect(level - (levels[at - 1] ?? 0)).toBeLessThanOrEqual(1));
      const without = await page
        .locator("figure")
        .evaluateAll((all) => all.filter((one) => one.querySelector("table") === null).length);
      expect(without).toBe(0);
      const tree = await page.locator("main").ariaSnapshot();
      for (const name of ['searchbox "Search the sample"', 'combobox "Which candidates"', 'button "Show more"'])
        expect(tree).toContain(name);
    });
  });

  it.each([1, 3])("shows %i jobs that were over at once", async (jobs) => {
    const html = await reportOf({ entries: MANY, jobs, took: 0 });
    await opened(browser, html, { width: 1280, scheme: "light" }, async ({ page }) => {
      const bars = page.locator("section:has(#jobs0) svg.wide g[aria-label=bar] rect");
      const widths = await bars.evaluateAll((all) => all.map((one) => one.getBoundingClientRect().width));
      expect(widths).toHaveLength(jobs);
      for (const width of widths) expect(width).toBeGreaterThan(3);
    });
  });

  it("prints all that is folded, and nothing that is only for a screen", async () => {
    const html = await reportOf({ entries: MANY });
    await opened(browser, html, { width: 1280, scheme: "dark" }, async ({ page }) => {
      await page.emulateMedia({ media: "print" });
      await page.evaluate("dispatchEvent(new Event('beforeprint'))");
      expect(await page.locator("details:not([open])").count()).toBe(0);
      expect(await page.locator("nav, .find, .more").filter({ visible: true }).count()).toBe(0);
      expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe("rgb(255, 255, 255)");
    });
  });
});
