import { isProvider } from "../api/made-up.ts";
import { readOutputLine } from "../api/output-line.ts";
import { requestIdOf } from "../api/request-file.ts";
import type { ResponseEntry, Responses } from "../api/responses.ts";
import type { BlobStore } from "../engine/ports.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { atOnce, blobName, getBlob } from "./checked.ts";
import type { Remote, RemoteFailure } from "./remote.ts";
import { answersIn, plus, RESPONSES, recordsFolder, type SharedAnswers, type Tokens } from "./response-record.ts";
import { type Ignored, nothingIgnored, type Source, trustedNames, trustedRecord } from "./trusted.ts";

/** Where shared answers go. */
export interface AnswerSink {
  /** False for one that only looks: it learns which answers there are, and nothing is fetched or kept. */
  readonly writable: boolean;
  readonly blobs: Pick<BlobStore, "has" | "put" | "read">;
  responses(namespace: string): Responses;
  /** Whether a record was taken in before, by its name. */
  knows(record: string): boolean;
  /** Told of answers whose blob is stored, before they are indexed. On disk when it returns. */
  take(namespace: string, lines: readonly { readonly entry: ResponseEntry; readonly raw: string }[]): void;
  /** Told that all of a record is taken in. */
  took(record: string, namespace: string): void;
}

export interface Pulled {
  /** Answers that are new here. */
  answers: number;
  /** Answers that were here already. */
  known: number;
  /** Bytes that came. */
  bytes: number;
  /** What the new ones took, by model; undefined where it is not known of all of them. */
  tokens: Tokens | undefined;
  /** Records that were not believed, by why. */
  readonly ignored: Ignored;
}

/** What of a shared cache may be taken. */
export interface Wanted extends Source {
  /** Looks at records again that were taken in before: what was lost since comes back. */
  readonly again: boolean;
}

/** Takes in every answer that a trusted writer shares for this project and that is not here yet. */
export async function pullAnswers(
  wanted: Wanted,
  sink: AnswerSink,
  signal: AbortSignal,
  done: (records: number, of: number) => void = () => undefined,
): Promise<Result<Pulled, { readonly failure: RemoteFailure; readonly pulled: Pulled }>> {
  const ignored = nothingIgnored();
  const pulled: Pulled = { answers: 0, known: 0, bytes: 0, tokens: {}, ignored };
  const ours = await trustedNames(wanted, recordsFolder(wanted.project), ignored, signal);
  if (!ours.ok) return err({ failure: ours.error, pulled });
  const fresh = ours.value.filter((name) => wanted.again || !sink.knows(name));
  let records = 0;
  const failure = await atOnce(fresh, signal, async (name) => {
    const one = await pullRecord(name, wanted, sink, pulled, signal);
    if (one.ok) done(++records, fresh.length);
    return one;
  });
  return failure === undefined ? ok(pulled) : err({ failure, pulled });
}

async function pullRecord(
  name: string,
  wanted: Wanted,
  sink: AnswerSink,
  pulled: Pulled,
  signal: AbortSignal,
): Promise<Result<void, RemoteFailure>> {
  const { remote, project } = wanted;
  const said = await trustedRecord(wanted, name, RESPONSES, pulled.ignored, signal);
  if (!said.ok || said.value === undefined) return said.ok ? ok(undefined) : said;
  const shared = answersIn(said.value.body, project);
  if (shared === undefined || !isProvider(shared.namespace)) {
    pulled.ignored.foreign++;
    return ok(undefined);
  }
  return takeAnswers(name, shared, remote, sink, pulled, signal);
}

async function takeAnswers(
  name: string,
  { namespace, blob, entries, tokens }: SharedAnswers,
  remote: Remote,
  sink: AnswerSink,
  pulled: Pulled,
  signal: AbortSignal,
): Promise<Result<void, RemoteFailure>> {
  const responses = sink.responses(namespace);
  const news = entries.filter(({ requestId }) => responses.lookup(requestId)?.kind !== "answer");
  if (!sink.writable) {
    // What is not there cannot be taken; whether what is there is whole, only the one who takes it can tell.
    const there = news.length === 0 || sink.blobs.has(blob) ? ok(true) : await remote.has(blobName(blob), signal);
    if (!there.ok || !there.value) return there.ok ? ok(undefined) : there;
    // Whatever brought them, they are paid for; where they lie is not here.
    responses.remember(news.map((entry) => ({ ...entry, via: "import" })));
  } else if (news.length > 0) {
    const stored = sink.blobs.has(blob) ? await sink.blobs.read(blob) : undefined;
    const content = stored?.ok === true ? stored : await getBlob(remote, blob, signal);
    if (!content.ok) return content;
    const bytes = content.value;
    // The record came before its content is seen everywhere: it is taken the next time.
    if (bytes === undefined) return ok(undefined);
    if (stored?.ok !== true) pulled.bytes += bytes.length;
    const lines = news.map((entry) => ({ entry, raw: textAt(bytes, entry) }));
    if (!lines.every(({ entry, raw }) => isAnswerTo(entry, raw))) {
      pulled.ignored.damaged++;
      return ok(undefined);
    }
    await sink.blobs.put(bytes);
    sink.take(namespace, lines);
    responses.add(news);
  }
  if (sink.writable) sink.took(name, namespace);
  if (news.length > 0) pulled.tokens = addShare(pulled.tokens, tokens, news.length / entries.length);
  pulled.answers += news.length;
  pulled.known += entries.length - news.length;
  return ok(undefined);
}

/** Of a record that is new in part, as much of what it took: each answer's own is not in it. */
function addShare(sums: Tokens | undefined, tokens: Tokens | undefined, share: number): Tokens | undefined {
  if (sums === undefined || tokens === undefined) return undefined;
  const added = Object.entries(tokens).map(([model, { input, cachedInput, output }]) => {
    const part = { input: input * share, cachedInput: cachedInput * share, output: output * share };
    const before = sums[model];
    return [model, before === undefined ? part : plus(before, part)] as const;
  });
  return { ...sums, ...Object.fromEntries(added) };
}

function textAt(bytes: Uint8Array, { offset, length }: ResponseEntry): string {
  return Buffer.from(bytes.subarray(offset, offset + length)).toString("utf8");
}

/** Whether a line is a real answer, and not one that says itself that it answers another request. */
function isAnswerTo({ requestId, via }: ResponseEntry, raw: string): boolean {
  const line = readOutputLine(raw, (custom) => custom);
  if (line.kind !== "answer" || line.answer.simulated) return false;
  // What was imported may be asked under another number of the same question.
  const said = via === "import" ? undefined : requestIdOf(line.customId);
  return said === undefined || said === requestId;
}
