import { z } from "zod";
import { line } from "../events/schema.ts";

/** What `doctor` looks at, in the order in which it tells. */
const about = z.enum([
  "node",
  "config",
  "disk",
  "cache",
  "sharing",
  "lock",
  "key",
  "provider",
  "clock",
  "models",
  "tokenizers",
  "examples",
  "requests",
]);

export const doctorLine = line("doctor", "`doctor`: one thing it looked at. It ends with 1 when any is `wrong`.", {
  about,
  state: z.enum(["ok", "wrong", "skipped"]).describe("`skipped`: it was not looked at, so nothing is known of it."),
  message: z.string(),
  fix: z.string().nullable().describe("What to do."),
});
export type DoctorLine = z.output<typeof doctorLine>;
