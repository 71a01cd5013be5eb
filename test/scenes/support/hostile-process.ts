import { PARSERS } from "./hostile-parsers.ts";
import { HURTING } from "./hostile-texts.ts";

/* One parser in a process of its own, so that its memory can be told: each text, how long it took and how it ended. */

const [name = "", folder = ""] = process.argv.slice(2);
const parser = PARSERS[name];
const ends = HURTING.map(([text, content]) => {
  const started = performance.now();
  let end = "";
  try {
    end = parser?.(content, folder) === true ? "" : "another end than expected";
  } catch (error) {
    end = String(error).slice(0, 200);
  }
  return { text, ms: performance.now() - started, end };
});
process.send?.({ ends, peakMb: process.resourceUsage().maxRSS / 1024 });
