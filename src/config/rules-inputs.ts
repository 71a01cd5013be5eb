import { projectPath } from "../graph/names.ts";
import { type Complaint, keyPlace, type Located, nodeAt, textAt } from "./located.ts";
import { kindOf } from "./rules-entries.ts";
import { EMBEDDINGS_URL } from "./schema-entries.ts";

/*
 * The rules of `kind: embeddings`, whose requests are texts of a file: there is no prompt, and nothing is drawn, measured
 * or bought beyond one embedding a text.
 */

/** Keys that say nothing about an embedding. */
const NOT_FOR_EMBEDDINGS = [
  "role",
  "sampling",
  "axes",
  "response_schema",
  "requests_from",
  "max_batches",
  "scenarios_per_request",
  "target_scenarios",
  "examples",
  "generation_instructions",
  "prompt",
  "strategy",
  "pilot_batches",
  "confidence",
  "max_cost",
] as const;

/** What is wrong with a task of embeddings, or with an endpoint that another kind of task cannot use. */
export function inputComplaints(tree: Located): readonly Complaint[] {
  const endpoint = textAt(tree, ["endpoint"]);
  if (kindOf(tree) !== "embeddings") {
    if (endpoint?.text !== EMBEDDINGS_URL) return [];
    return [
      {
        at: endpoint.at,
        message: `\`endpoint: ${EMBEDDINGS_URL}\` must be given with \`kind: embeddings\` only; found it in a task of ${kindOf(tree)}.`,
        fix: "Remove it, or add `kind: embeddings`.",
      },
    ];
  }
  const complaints: Complaint[] = NOT_FOR_EMBEDDINGS.filter((key) => nodeAt(tree, [key]) !== undefined).map((key) => ({
    at: keyPlace(tree, [], key),
    message: `\`${key}\` must be left out with \`kind: embeddings\`, which embeds every text of \`inputs\` once; found it.`,
    fix: `Remove \`${key}\`.`,
  }));
  if (endpoint !== undefined && endpoint.text !== EMBEDDINGS_URL) {
    complaints.push({
      at: endpoint.at,
      message: `\`endpoint\` must be ${EMBEDDINGS_URL} with \`kind: embeddings\`; found ${endpoint.text}.`,
      fix: "Remove it: it is implied.",
    });
  }
  const file = textAt(tree, ["inputs", "file"]);
  const path = file === undefined ? undefined : projectPath(file.text);
  if (file !== undefined && path !== undefined && !path.ok) {
    complaints.push({
      at: file.at,
      message: `\`inputs.file\` must be a path inside the project; found ${JSON.stringify(file.text)}: ${path.error}.`,
      fix: "Write for example `file: data/sentences.txt`.",
    });
  }
  return complaints;
}
