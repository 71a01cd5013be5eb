import { basename } from "node:path";
import { digestOf, type Fingerprint, fingerprintOfJson } from "../graph/digest.ts";
import { unreachable } from "../graph/result.ts";
import type { ImportPorts, ImportReport } from "./import.ts";
import type { BatchEntry } from "./import-metadata.ts";
import { inputsOf } from "./import-pairing.ts";
import type { ImportedInput, ImportedRequest } from "./import-requests.ts";
import type { JobId } from "./job.ts";
import { customId } from "./request-file.ts";

/** What is done about one batch of a metadata file. */
type Verdict =
  | { readonly kind: "watch"; readonly batch: string; readonly input: ImportedInput; readonly doubt: string | null }
  | { readonly kind: "watched" }
  /** Nothing of it is outstanding. */
  | { readonly kind: "over" }
  | { readonly kind: "left"; readonly batch: string; readonly why: string };

/**
 * Batches whose answers are not among the outputs are watched like dsgen's own, unless the metadata says that they are
 * simulated or came to nothing, or the provider does not know them: a job that no key can see would hold up every build.
 * @param spoken requests that a line of the outputs speaks of
 */
export async function adoptBatches(
  entries: readonly BatchEntry[],
  inputs: readonly ImportedInput[],
  spoken: ReadonlySet<Fingerprint>,
  task: string,
  ports: ImportPorts,
): Promise<Pick<ImportReport, "adopted" | "watched" | "notes">> {
  const adopted: string[] = [];
  const left = new Map<string, string[]>();
  const leave = (why: string, batch: string) => left.set(why, [...(left.get(why) ?? []), batch]);
  let watched = 0;
  for (const entry of entries) {
    const verdict = await judge(entry, inputs, spoken, ports);
    switch (verdict.kind) {
      case "watch":
        await adopt(verdict.batch, entry, verdict.input, task, ports);
        adopted.push(verdict.batch);
        if (verdict.doubt !== null) leave(verdict.doubt, verdict.batch);
        break;
      case "watched":
        watched++;
        break;
      case "left":
        leave(verdict.why, verdict.batch);
        break;
      case "over":
        break;
      default:
        unreachable(verdict);
    }
  }
  const notes = [...left].map(([why, [first = "", ...others]]) =>
    others.length === 0 ? `batch ${first}: ${why}` : `batch ${first} and ${others.length} more: ${why}`,
  );
  return { adopted, watched, notes };
}

async function judge(
  entry: BatchEntry,
  inputs: readonly ImportedInput[],
  spoken: ReadonlySet<Fingerprint>,
  ports: ImportPorts,
): Promise<Verdict> {
  const { batchId: batch, batchFile, status } = entry;
  if (batch === null) return { kind: "over" };
  const leave = (why: string): Verdict => ({ kind: "left", batch, why });
  if (entry.simulated) return leave("the metadata says that it is simulated; it is never watched");
  if (ports.book.all().some((job) => job.batchId === batch)) return { kind: "watched" };
  if (entry.endedWithoutFiles) return leave("it has failed and names no file; there is nothing to watch");
  if (status === "abandoned") return leave("it was given up before it was executed; it is not watched");
  const [input, other] = inputsOf(entry, inputs);
  if (input === undefined || other !== undefined) {
    const name = batchFile === null ? "no request file" : `the request file ${basename(batchFile)}`;
    return leave(`it names ${name}, which is ${input === undefined ? "not here" : "here twice"}; it is not watched`);
  }
  const outstanding = [...input.byCustom.values()].some(
    ({ id }) => !spoken.has(id) && ports.responses.lookup(id)?.kind !== "answer",
  );
  if (!outstanding) return { kind: "over" };
  const call = await ports.provider.retrieveBatch(batch, ports.signal);
  if (call.ok) {
    const { status: now, outputFileId, errorFileId } = call.value;
    if (now === "failed" && outputFileId === null && errorFileId === null)
      return leave("it has failed, and the provider names no file of it; there is nothing to watch");
    return { kind: "watch", batch, input, doubt: null };
  }
  if (call.error.kind === "not-found") {
    return leave(
      "the provider does not know it; it is not watched. If it belongs to another key, organisation or project, import again with that: otherwise a build asks its requests anew",
    );
  }
  // It may be under way, and to leave it would be to pay again.
  return {
    kind: "watch",
    batch,
    input,
    doubt: "it is watched, on the metadata's word: the provider could not be asked",
  };
}

async function adopt(
  batch: string,
  entry: BatchEntry,
  input: ImportedInput,
  task: string,
  ports: ImportPorts,
): Promise<void> {
  const lines: readonly ImportedRequest[] = [...input.byCustom.values()];
  const [first] = lines;
  if (first === undefined) return;
  const text = lines.map((line) =>
    JSON.stringify({
      custom_id: customId(task, line.id),
      method: "POST",
      url: line.url,
      body: line.body,
      dsgen_alias: line.custom,
    }),
  );
  const blob = await ports.blobs.put(`${text.join("\n")}\n`);
  const at = ports.clock.now();
  const created = entry.createdAt ?? at;
  const job = fingerprintOfJson(["import", batch]) as JobId;
  ports.book.record({
    t: "intended",
    v: 1,
    job,
    namespace: ports.provider.namespace.id,
    requestFile: `requests/${task}/${basename(input.path)}`,
    task,
    model: first.body.model,
    endpoint: first.url,
    attempt: 1,
    requests: lines.length,
    from: digestOf(text.join("\n")),
    lines: blob.digest,
    tokens: null,
    maxCostUsd: null,
    at: created,
  });
  ports.book.record({ t: "submitted", job, batch, createdAt: created, adopted: true, at });
}
