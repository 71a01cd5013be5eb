import { afterAll, expect, test } from "vitest";
import { jsonSchemaOf } from "../../src/config/json-schema.ts";
import { complaints, loaded, project, removeProjects, TASK } from "./fixture.ts";

afterAll(removeProjects);

function withChecks(checks: string, more = "") {
  return { "tasks/tiny.yaml": `${TASK.replace("checks: [equal-token-count]", `checks: ${checks}`)}${more}` };
}

const HERE = "config/tasks/tiny.yaml";

test.each([
  [
    "[one-token-diference]",
    `${HERE}:15:10: \`checks[0]\` must be one of equal-token-count, one-token-difference, length, regex, distinct-texts, schema, module; found one-token-diference. Did you mean \`one-token-difference\`?`,
  ],
  ["[{ check: constructor }]", `${HERE}:15:19: \`checks[0].check\` must be one of .*; found constructor\\.`],
  [
    "[{ check: length, maxx: 3, min: 1 }]",
    `${HERE}:15:27: \`checks[0]\` must have only the parameters of the check length (field, min, max); found maxx. Did you mean \`max\`?`,
  ],
  ["[{ check: equal-token-count, max: 1 }]", "(it has none); found max. Remove it."],
  ["[{ check: length, min: -1 }]", `${HERE}:15:32: \`checks[0].min\` must be a whole number of at least 0; found -1.`],
  ['[{ check: length, min: "3" }]', 'found the text "3"'],
  ["[length]", "`checks[0]` must have min, max or both; found neither."],
  ["[{ check: length, min: 5, max: 2 }]", "`checks[0].min` must be at most `max` (2); found 5. Swap them."],
  ["[regex]", "`checks[0].pattern` must be a text; found nothing"],
  ["[{ check: regex }]", `${HERE}:15:10: \`checks[0]\` must have the key \`pattern\` (a text); found none. Add it`],
  ['[{ check: length, min: "3" }]', 'found the text "3". Remove the quotes.'],
  ["[{ check: regex, pattern: 3 }]", "`checks[0].pattern` must be a text; found 3."],
  ['[{ check: regex, pattern: "(" }]', `${HERE}:15:35: \`checks[0].pattern\` must be a JavaScript regular expression`],
  ["[{ check: regex, pattern: a, flags: g }]", "g and y make a match depend on the one before"],
  ["[{ check: regex, pattern: a, flags: qq }]", "`checks[0].flags` must be flags of a JavaScript regular expression"],
  [
    "[{ check: regex, pattern: a, field: saef }]",
    "`checks[0].field` must be one of safe, harmful, both; found saef. Did you mean `safe`?",
  ],
  ["[{ check: regex, pattern: a, must: maybe }]", "`checks[0].must` must be one of match, not; found the text"],
  ["[{ check: distinct-texts, by: ear }]", "`checks[0].by` must be one of exact, normalised"],
  ["[module]", "`checks[0].path` must be"],
  [
    "[{ check: module, path: ../x.ts }]",
    '`checks[0].path` must be a path inside the project; found "../x.ts": the path leaves the project',
  ],
  [
    "[schema]",
    `${HERE}:15:10: \`checks[0]\` must go with \`response_schema\`, which it holds entries to; found none. Add \`response_schema\`, or remove the check.`,
  ],
])("%s is told where it stands", (checks, expected) => {
  const found = complaints(project(withChecks(checks)));
  expect(found).toHaveLength(1);
  if (expected.includes("\\"))
    expect(found[0]).toMatch(new RegExp(expected.replaceAll("[", "\\[").replaceAll("]", "\\]")));
  else expect(found[0]).toContain(expected);
});

test("the mistakes of all checks come at once, among those of everything else", () => {
  const files = withChecks("[nope, { check: length, min: a, mux: 1 }, schema]", "batches: x\n");
  expect(complaints(project(files)).map((line) => line.slice(0, line.indexOf(" ")))).toEqual([
    `${HERE}:15:10:`,
    `${HERE}:15:38:`,
    `${HERE}:15:41:`,
    `${HERE}:15:51:`,
    `${HERE}:16:1:`,
  ]);
});

test("checks of tokens are refused in a task of other kinds", () => {
  const task =
    "task_name: tiny\nkind: embeddings\nmodel: m\nbatches: 1\nrequests_per_batch: 1\ninputs: a.txt\nchecks: [one-token-difference]\n";
  expect(complaints(project({ "tasks/tiny.yaml": task })).join("\n")).toContain(
    "`checks[0]` must be a check of single texts in a task of `kind: embeddings`; found one-token-difference",
  );
});

test("right checks come with their defaults", () => {
  const root = project(
    withChecks(
      '[equal-token-count, { check: length, field: safe, max: 9 }, { check: regex, pattern: "^A" }, distinct-texts, { check: module, path: targets/x.ts, word: y }]',
      "check_timeout_seconds: 0.5\n",
    ),
  );
  expect(loaded(root).tasks[0]).toMatchObject({
    check_timeout_seconds: 0.5,
    checks: [
      { check: "equal-token-count" },
      { check: "length", field: "safe", max: 9 },
      { check: "regex", pattern: "^A", flags: "u", must: "match" },
      { check: "distinct-texts", by: "exact" },
      { check: "module", path: "targets/x.ts", params: { word: "y" } },
    ],
  });
});

test("the JSON Schema knows each check's parameters", () => {
  expect(jsonSchemaOf("task")).toMatchObject({
    properties: {
      checks: {
        items: {
          anyOf: expect.arrayContaining([
            expect.objectContaining({
              properties: expect.objectContaining({
                check: expect.objectContaining({ const: "length" }),
                min: expect.anything(),
              }),
              required: ["check"],
              additionalProperties: false,
            }),
            { type: "string", enum: ["equal-token-count", "one-token-difference", "distinct-texts", "schema"] },
          ]),
        },
      },
    },
  });
});
