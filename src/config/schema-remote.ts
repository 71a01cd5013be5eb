import { key, someText, z } from "./schema-parts.ts";

/* `remote:` of dsgen.yaml: where answers are shared, and whose word is believed. */

const WORD = /^ed25519:[A-Za-z0-9_-]{43}$/;

/** A path, or an address without a user, a password or a query: those belong in the environment. */
const AT = /^(?:(?!https?:|s3:)\S.*|https?:\/\/[^\s@?#]+|s3:\/\/[a-z0-9][a-z0-9.-]+[a-z0-9](?:\/[^\s?#]*)?)$/;

const cache = z.strictObject({
  at: key(
    z.string().regex(AT).meta({ "x-expected": "a folder, https://HOST/PATH or s3://BUCKET/PREFIX" }),
    "A folder that several machines see (from the project root, unless it begins with `/`; it must be there), an address as `https://cache.example.org/dsgen`, or a bucket as `s3://bucket/prefix`.",
    ["/mnt/lab/dsgen"],
  ),
  access: key(z.enum(["read", "read-write"]).default("read"), "Whether `dsgen push` writes there."),
  endpoint: key(
    z
      .string()
      .regex(/^https?:\/\/[^\s@?#]+$/)
      .meta({ "x-expected": "an http or https address" })
      .optional(),
    "Of a bucket that is not AWS's: the server's address.",
    ["https://storage.example.org"],
    { "x-default": "as the environment or profile says" },
  ),
  region: key(someText().optional(), "Of a bucket.", ["eu-central-1"], {
    "x-default": "as the environment or profile says",
  }),
  path_style: key(
    z.boolean().optional(),
    "Whether a bucket stands in the path of its address instead of the host's name.",
    [true],
    { "x-default": "where there is an endpoint" },
  ),
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
