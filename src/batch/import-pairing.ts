import { basename } from "node:path";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { BatchEntry } from "./import-metadata.ts";
import type { ImportedInput, ImportedRequest } from "./import-requests.ts";

/*
 * Which input file an output file answers. Scripts count custom_ids from 0 in every file, so that an id alone may name a
 * request in each of them; a guess would give a request another one's answer.
 */

export interface OutputIds {
  readonly path: string;
  readonly customs: ReadonlySet<string>;
}

/** Finds the request that a custom_id of an output file speaks of. */
export type Placing = (custom: string) => ImportedRequest | undefined;

/**
 * Pairs output files with input files: by what the metadata says; else, for custom_ids that are in one input only, by
 * these; else the nth with the nth as a person has named them, or by the names that dsgen's layout gives them. The error
 * names the output and the inputs between which nothing decides, or which contradict each other.
 * @param named the files in the order in which a person gave them, as many outputs as inputs; false for a folder's files
 */
export function pairOutputs(
  outputs: readonly OutputIds[],
  inputs: readonly ImportedInput[],
  entries: readonly BatchEntry[],
  named: boolean,
): Result<ReadonlyMap<string, Placing>, Problem> {
  const owners = new Map<string, ImportedInput[]>();
  for (const input of inputs) {
    for (const custom of input.byCustom.keys()) owners.set(custom, [...(owners.get(custom) ?? []), input]);
  }
  const placings = new Map<string, Placing>();
  for (const [nth, output] of outputs.entries()) {
    const told = entriesOf(output.path, entries);
    if (told.length > 0) {
      const partners = new Set(told.flatMap((entry) => inputsOf(entry, inputs)));
      const [partner, other] = partners;
      if (partner !== undefined && other !== undefined) {
        return err(undecided(output.path, [partner, other], "batch_metadata.json fits both."));
      }
      placings.set(output.path, (custom) => partner?.byCustom.get(custom));
      continue;
    }
    const shared = [...output.customs].find((custom) => (owners.get(custom)?.length ?? 0) > 1);
    if (shared === undefined) {
      placings.set(output.path, (custom) => owners.get(custom)?.[0]?.byCustom.get(custom));
      continue;
    }
    const byOrder = named && outputs.length === inputs.length ? inputs[nth] : undefined;
    const byName = inputOfSameBatch(output.path, inputs);
    if (byOrder !== undefined && byName !== undefined && byOrder !== byName) {
      return err(undecided(output.path, [byOrder, byName], "the order says the first, the names say the second."));
    }
    const partner = byOrder ?? byName;
    if (partner === undefined) {
      const why = `the custom_id ${JSON.stringify(shared)} is in both, and nothing says which of them the file answers.`;
      return err(undecided(output.path, owners.get(shared) ?? [], why));
    }
    const stray = [...output.customs].find((custom) => owners.has(custom) && !partner.byCustom.has(custom));
    if (stray !== undefined) {
      const why = `the custom_id ${JSON.stringify(stray)} is not in the first, which it was paired with, but in the second.`;
      return err(undecided(output.path, [partner, ...(owners.get(stray) ?? [])], why));
    }
    placings.set(output.path, (custom) => partner.byCustom.get(custom));
  }
  return ok(placings);
}

/** The input files that an entry's `batch_file` may name: the longest tail of the path decides, at least the file's name. */
export function inputsOf({ batchFile }: BatchEntry, inputs: readonly ImportedInput[]): readonly ImportedInput[] {
  if (batchFile === null) return [];
  const wanted = partsOf(batchFile);
  const shared = inputs.map((input) => sharedTail(wanted, partsOf(input.path)));
  const best = Math.max(0, ...shared);
  return best === 0 ? [] : inputs.filter((_, i) => shared[i] === best);
}

/** The entries that speak of an output file: its name holds one of their ids, or they name its path (the longest tail). */
function entriesOf(output: string, entries: readonly BatchEntry[]): readonly BatchEntry[] {
  const parts = partsOf(output);
  const tails = entries.map(({ paths }) => Math.max(0, ...paths.map((path) => sharedTail(partsOf(path), parts))));
  const best = Math.max(0, ...tails);
  return entries.filter(
    ({ ids }, i) => (best > 0 && tails[i] === best) || ids.some((id) => holdsWhole(basename(output), id)),
  );
}

/** True when a name holds an id that is not the beginning or the end of a longer one. */
function holdsWhole(name: string, id: string): boolean {
  for (let at = name.indexOf(id); at !== -1; at = name.indexOf(id, at + 1)) {
    if (!/[A-Za-z0-9]/.test(`${name[at - 1] ?? ""}${name[at + id.length] ?? ""}`)) return true;
  }
  return false;
}

/** `output_batch3.jsonl` is made from `request_batch3.jsonl`; no other name says anything. */
function inputOfSameBatch(output: string, inputs: readonly ImportedInput[]): ImportedInput | undefined {
  const number = /^(?:output|error)_batch(\d+)\.jsonl$/.exec(basename(output))?.[1];
  if (number === undefined) return undefined;
  const named = inputs.filter(({ path }) => basename(path) === `request_batch${number}.jsonl`);
  return named.length === 1 ? named[0] : undefined;
}

function undecided(output: string, between: readonly ImportedInput[], why: string): Problem {
  return {
    kind: "missing-input",
    where: output,
    message: `it may answer ${between
      .slice(0, 2)
      .map(({ path }) => path)
      .join(" or ")}: ${why}`,
    fix: "Import one pair at a time, or name inputs and outputs in the same order (--input A --output X --input B --output Y), or put a batch_metadata.json beside the inputs whose batch_file and output_file_id say it. Nothing was imported.",
  };
}

/** The parts of a path, its last one last; scripts on Windows write the other slash. */
function partsOf(path: string): readonly string[] {
  return path.split(/[\\/]/).filter((part) => part !== "" && part !== ".");
}

function sharedTail(a: readonly string[], b: readonly string[]): number {
  let shared = 0;
  while (shared < Math.min(a.length, b.length) && a.at(-1 - shared) === b.at(-1 - shared)) shared++;
  return shared;
}
