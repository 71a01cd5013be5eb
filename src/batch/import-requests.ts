import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { readJson } from "../api/read-json.ts";
import { canonicalJson, isJsonObject, type JsonObject } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { fileLines } from "./file-lines.ts";
import type { Endpoint } from "./provider.ts";
import { isEndpoint, type RequestId, requestId } from "./request-file.ts";

/*
 * The requests that imported answers belong to. A request is what it asks, whatever custom_id a script gave it: its id
 * comes from its url and body, and from how many identical ones stand before it.
 */

/** One request of an imported input file. */
export interface ImportedRequest {
  readonly id: RequestId;
  readonly custom: string;
  readonly url: Endpoint;
  readonly body: JsonObject & { readonly model: string };
}

/** An input file, by the custom_ids in it; no custom_id is in one file twice. */
export interface ImportedInput {
  readonly path: string;
  readonly byCustom: ReadonlyMap<string, ImportedRequest>;
}

/** Reads input files in the order given, in which identical requests are counted. The error names file and line. */
export function readInputs(paths: readonly string[]): Result<readonly ImportedInput[], Problem> {
  const samples = new Map<string, number>();
  const inputs: ImportedInput[] = [];
  for (const path of paths) {
    const byCustom = new Map<string, ImportedRequest>();
    const lineOf = new Map<string, number>();
    for (const [index, raw] of readFileSync(path, "utf8").split("\n").entries()) {
      if (raw.trim() === "") continue;
      const number = index + 1;
      const line = requestLine(raw);
      if (line === undefined) {
        return err({
          kind: "missing-input",
          where: `${path}:${number}`,
          message: "expected a Batch API request ({custom_id, url, body with a model}), and found something else.",
          fix: "Correct or remove the line; nothing was imported.",
        });
      }
      const before = lineOf.get(line.custom);
      if (before !== undefined) {
        return err({
          kind: "missing-input",
          where: `${path}:${number}`,
          message: `the custom_id ${JSON.stringify(line.custom)} stands in line ${before} already: which of the two an answer belongs to cannot be told.`,
          fix: "Give each request of a file a custom_id of its own, as the Batch API demands; nothing was imported.",
        });
      }
      lineOf.set(line.custom, number);
      const same = `${line.url}\n${canonicalJson(line.body)}`;
      const sample = samples.get(same) ?? 0;
      samples.set(same, sample + 1);
      byCustom.set(line.custom, { ...line, id: requestId(line.url, line.body, sample) });
    }
    inputs.push({ path, byCustom });
  }
  return ok(inputs);
}

/**
 * True for what dsgen writes beside request and output files (`.axes.jsonl`, `.sources.jsonl`): lines that speak of a
 * `request_id` and have no custom_id.
 */
export function isSideFile(path: string): boolean {
  for (const { raw } of fileLines(path)) {
    const line = raw === null ? undefined : readJson(raw);
    return isJsonObject(line) && typeof line["request_id"] === "string" && line["custom_id"] === undefined;
  }
  return /\.(axes|sources)\.jsonl$/.test(basename(path));
}

function requestLine(raw: string): Omit<ImportedRequest, "id"> | undefined {
  const line = readJson(raw);
  if (!isJsonObject(line)) return undefined;
  const { custom_id: custom, url, body } = line;
  if (typeof custom !== "string" || !isEndpoint(url) || !isJsonObject(body)) return undefined;
  const model = body["model"];
  return typeof model === "string" ? { custom, url, body: { ...body, model } } : undefined;
}
