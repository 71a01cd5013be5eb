import { isJsonObject, type JsonValue } from "../graph/json.ts";
import { type Complaint, keyPlace, type Located, nodeAt, plain, textAt } from "./located.ts";
import { modelEntry } from "./model-name.ts";
import { SAMPLING_KEYS, type SamplingKey } from "./schema-sampling.ts";

/*
 * What a task's `sampling` asks must be taken by its model: the provider refuses the rest line by line, after the upload and
 * the wait. Of a model without an entry, and of a key without a claim, nothing is known and nothing is said.
 */

/** @param models the tree of models.yaml, or undefined when there is none or it could not be read */
export function samplingComplaints(task: Located, models: Located | undefined): readonly Complaint[] {
  const model = textAt(task, ["model"])?.text;
  const sampling = nodeAt(task, ["sampling"]);
  if (sampling?.kind !== "map") return [];
  const takes = model === undefined || models === undefined ? {} : takenBy(model, models);
  const given = SAMPLING_KEYS.filter((key) => sampling.entries.has(key) && isSent(key, task));
  return [
    ...twoLimits(task, sampling),
    ...given.flatMap((key) => {
      const node = nodeAt(sampling, [key]);
      return node === undefined ? [] : complaintOf(key, node, model ?? "", takes[key], task);
    }),
  ];
}

function takenBy(model: string, models: Located): Readonly<Record<string, JsonValue>> {
  const all = nodeAt(models, ["models"]);
  const entry = all?.kind === "map" ? modelEntry(model, [...all.entries.keys()]) : undefined;
  const takes = entry === undefined ? undefined : nodeAt(models, ["models", entry, "takes"]);
  const claims = takes === undefined ? undefined : plain(takes);
  return isJsonObject(claims) ? claims : {};
}

/** The Responses API has one name for the limit, whichever the task uses, and no seed. */
function isSent(key: SamplingKey, task: Located): boolean {
  const responses = textAt(task, ["endpoint"])?.text === "/v1/responses";
  return !(responses && (key === "max_tokens" || key === "max_completion_tokens" || key === "seed"));
}

function complaintOf(
  key: SamplingKey,
  node: Located,
  model: string,
  taken: JsonValue | undefined,
  task: Located,
): readonly Complaint[] {
  const found = JSON.stringify(plain(node));
  const unless = `, or correct \`takes\` of ${model} in models.yaml if that is no longer so.`;
  if (taken === false) {
    return [
      {
        at: keyPlace(task, ["sampling"], key),
        message: `\`sampling.${key}\` must not be given with ${model}, which refuses it; found ${found}.`,
        fix: insteadOf(key, found) + unless,
      },
    ];
  }
  if (!Array.isArray(taken) || taken.includes(plain(node))) return [];
  const values = taken.map((value) => JSON.stringify(value)).join(", ");
  return [
    {
      at: node.at,
      message: `\`sampling.${key}\` must be ${taken.length === 1 ? values : `one of ${values}`} with ${model}, which refuses others; found ${found}.`,
      fix: `Leave it out, or write ${taken.length === 1 ? `\`${key}: ${values}\`` : "one of these"}${unless}`,
    },
  ];
}

function insteadOf(key: SamplingKey, found: string): string {
  if (key === "max_tokens") return `Write \`max_completion_tokens: ${found}\` (reasoning counts too: allow for it)`;
  if (key === "max_completion_tokens") return `Write \`max_tokens: ${found}\``;
  return "Leave it out";
}

function twoLimits(task: Located, sampling: Located): readonly Complaint[] {
  if (nodeAt(sampling, ["max_tokens"]) === undefined || nodeAt(sampling, ["max_completion_tokens"]) === undefined)
    return [];
  return [
    {
      at: keyPlace(task, ["sampling"], "max_completion_tokens"),
      message: "`sampling` must have one of max_tokens and max_completion_tokens; found both, which is refused.",
      fix: "Keep max_completion_tokens for a model that reasons, max_tokens for another.",
    },
  ];
}
