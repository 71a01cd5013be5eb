import { key, someText, z } from "./schema-parts.ts";

/* `remote:` of dsgen.yaml: where answers are shared, and whose word is believed. */

const WORD = /^ed25519:[A-Za-z0-9_-]{43}$/;

const cache = z.strictObject({
  at: key(
    someText(),
    "A folder that several machines see (from the project root, unless it begins with `/`). It must be there.",
    ["/mnt/lab/dsgen"],
  ),
  access: key(z.enum(["read", "read-write"]).default("read"), "Whether `dsgen push` writes there."),
});

export const remote = z
  .strictObject({
    project: key(someText(), "What the project is called where it shares: records of other projects are passed over.", [
      "refusals",
    ]),
    trust: key(
      z
        .array(
          z.string().regex(WORD).meta({ "x-expected": "a writer's public key, as `dsgen remote keygen` prints it" }),
        )
        .default([]),
      "Public keys of those whose records are believed.",
      [["ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"]],
    ),
    share: key(
      z.enum(["answers"]).optional(),
      "`answers`: those that were paid for are shared, and taken in. They are somebody's money, and may be private.",
      [],
      { "x-default": "nothing" },
    ),
    timeout_seconds: key(
      z.number().gt(0).max(3600).default(30),
      "How long one call may take; and all that a build looks up before it goes on without.",
    ),
    caches: key(z.array(cache).min(1), "Shared caches, in the order in which they are asked.", [
      [{ at: "/mnt/lab/dsgen", access: "read-write" }],
    ]),
  })
  .nullable();
