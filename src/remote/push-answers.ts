import type { Answer } from "../api/answer-body.ts";
import { isProvider } from "../api/made-up.ts";
import { answerIn } from "../api/output-line.ts";
import type { ResponseEntry, Responses } from "../api/responses.ts";
import type { BlobStore } from "../engine/ports.ts";
import { digestOf } from "../graph/digest.ts";
import { ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { atOnce, blobName, putRecord, whileRemoving } from "./checked.ts";
import { openRecord, sealRecord } from "./record.ts";
import type { Remote, RemoteFailure } from "./remote.ts";
import {
  answersIn,
  bodyOf,
  groupAnswers,
  RESPONSES,
  recordName,
  recordsFolder,
  type SharedAnswers,
  tokensOf,
} from "./response-record.ts";
import { type Writer, writerFolder } from "./writer.ts";

/** The answers that a cache holds. */
export interface AnswerSource {
  readonly blobs: Pick<BlobStore, "read">;
  namespaces(): readonly string[];
  responses(namespace: string): Responses;
}

/** Where to, as whose, and by whom. */
export interface Destination {
  readonly remote: Remote;
  readonly project: string;
  readonly writer: Writer;
}

export interface Pushed {
  /** Answers that the shared cache has now by this writer's word. */
  answers: number;
  /** Made-up answers, which are never shared. */
  simulated: number;
  /** Bytes that were sent; what was there already is not sent again. */
  bytes: number;
  /** Stored files that are damaged or gone: what they held cannot be shared. */
  readonly unreadable: string[];
}

/**
 * What this writer's records say in a cache, as far as they were read. Whoever shares again and again keeps it: each record is
 * read once, also where the time was up before all were.
 */
export class SharedBefore {
  readonly #records = new Set<string>();
  readonly #answers = new Map<string, Set<string>>();

  knows(record: string): boolean {
    return this.#records.has(record);
  }

  holds(namespace: string, requestId: string): boolean {
    return this.#answers.get(namespace)?.has(requestId) === true;
  }

  /** Told of a record, and of its answers where their file is there too. */
  add(record: string, answers?: Pick<SharedAnswers, "namespace" | "entries">): void {
    this.#records.add(record);
    if (answers === undefined) return;
    const held = this.#answers.get(answers.namespace) ?? new Set();
    for (const { requestId } of answers.entries) held.add(requestId);
    this.#answers.set(answers.namespace, held);
  }
}

/**
 * Shares every real answer of a cache: the file that holds it as it was received, then a record that says whose it is. Cut off
 * at any point it goes on with what is missing. `done` tells how far it is, in files.
 */
export async function pushAnswers(
  source: AnswerSource,
  to: Destination,
  signal: AbortSignal,
  done: (files: number, of: number) => void = () => undefined,
  before = new SharedBefore(),
): Promise<Result<Pushed, { readonly failure: RemoteFailure; readonly pushed: Pushed }>> {
  const pushed: Pushed = { answers: 0, simulated: 0, bytes: 0, unreadable: [] };
  const unread = await readShared(before, to, signal);
  if (unread !== undefined) return err({ failure: unread, pushed });
  const told = new Map<string, Pick<Answer, "model" | "usage">>();
  const parcels = source.namespaces().flatMap((namespace) => {
    const news = newAnswers(namespace, source, before, pushed, told);
    const parcelsHere = parcelsOf(namespace, news, source);
    return parcelsHere.map((parcel) => {
      const tokens = tokensOf(parcel.entries.map(({ requestId }) => told.get(`${namespace} ${requestId}`)));
      return { ...parcel, tokens };
    });
  });
  let files = 0;
  const failure = await atOnce(parcels, signal, async (parcel) => {
    const sent = await pushParcel(parcel, to, before, pushed, signal);
    if (sent.ok) done(++files, parcels.length);
    return sent;
  });
  return failure === undefined ? ok(pushed) : err({ failure, pushed });
}

/** Reads this writer's records that were not read yet. One whose file is gone says nothing: it is shared again. */
async function readShared(
  before: SharedBefore,
  { remote, project, writer }: Destination,
  signal: AbortSignal,
): Promise<RemoteFailure | undefined> {
  const removing = await whileRemoving(remote, signal);
  if (removing !== undefined) return removing;
  const listed = await remote.list(`${recordsFolder(project)}/${writerFolder(writer.word)}`, signal);
  if (!listed.ok) return listed.error;
  const unread = listed.value.filter((name) => !before.knows(name));
  return atOnce(unread, signal, async (name) => {
    const got = await remote.get(name, signal);
    if (!got.ok || got.value === undefined) return got;
    const opened = openRecord(got.value, RESPONSES, [writer.word]);
    const answers = opened.ok ? answersIn(opened.value.body, project) : undefined;
    const there = answers === undefined ? ok(true) : await remote.has(blobName(answers.blob), signal);
    if (there.ok && there.value) before.add(name, answers);
    return there;
  });
}

/** A file to be shared, and what in it answers what. */
interface Parcel extends SharedAnswers {
  /** Undefined where it is damaged or gone. */
  content(): Promise<Uint8Array | undefined>;
}

/** Output files as they were received. Answers that were asked one by one each have a file: many of them go in one. */
function parcelsOf(namespace: string, news: readonly ResponseEntry[], source: AnswerSource): readonly Parcel[] {
  const direct = news.filter(({ via }) => via === "direct");
  const groups = groupAnswers(
    namespace,
    news.filter(({ via }) => via !== "direct"),
  );
  const whole = groups.map((group) => ({
    ...group,
    content: async () => {
      const read = await source.blobs.read(group.blob);
      return read.ok ? read.value : undefined;
    },
  }));
  return [...whole, ...packs(namespace, direct, source.responses(namespace))];
}

/** Answers of one file. */
const PACKED = 500;

function* packs(namespace: string, direct: readonly ResponseEntry[], responses: Responses): Generator<Parcel> {
  for (let at = 0; at < direct.length; at += PACKED) {
    const lines: string[] = [];
    let offset = 0;
    const placed = direct.slice(at, at + PACKED).map((entry) => {
      const raw = responses.readRaw(entry.requestId) ?? "";
      const length = Buffer.byteLength(raw);
      const from = offset;
      offset += length + 1;
      lines.push(`${raw}\n`);
      return { ...entry, offset: from, length };
    });
    const bytes = Buffer.from(lines.join(""));
    const blob = digestOf(bytes);
    const entries = placed.map((entry) => ({ ...entry, blob }));
    yield { namespace, blob, entries, content: () => Promise.resolve(bytes) };
  }
}

/** Real answers that are not shared yet. Simulated ones may lie under a real provider's name too: they bear a mark. */
function newAnswers(
  namespace: string,
  source: AnswerSource,
  before: SharedBefore,
  pushed: Pushed,
  told: Map<string, Pick<Answer, "model" | "usage">>,
): readonly ResponseEntry[] {
  const responses = source.responses(namespace);
  const answers = [...responses.entries()].filter(({ kind }) => kind === "answer");
  if (!isProvider(namespace)) {
    pushed.simulated += answers.length;
    return [];
  }
  return answers.filter((entry) => {
    if (before.holds(namespace, entry.requestId)) {
      pushed.answers++;
      return false;
    }
    const answer = read(responses, entry, pushed);
    if (answer?.simulated === true) pushed.simulated++;
    else if (answer !== undefined) {
      const { model, usage } = answer;
      told.set(`${namespace} ${entry.requestId}`, { model, usage });
    }
    return answer !== undefined && !answer.simulated;
  });
}

function read(responses: Responses, { requestId, blob }: ResponseEntry, { unreadable }: Pushed) {
  try {
    return answerIn(responses.readRaw(requestId) ?? "");
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    if (!unreadable.includes(blob)) unreadable.push(blob);
    return undefined;
  }
}

async function pushParcel(
  parcel: Parcel,
  { remote, project, writer }: Destination,
  before: SharedBefore,
  pushed: Pushed,
  signal: AbortSignal,
): Promise<Result<void, RemoteFailure>> {
  const bytes = sealRecord(RESPONSES, bodyOf(project, parcel), writer);
  const name = recordName(project, writer.word, bytes);
  const { blob: digest, content } = parcel;
  const sent = await putRecord(remote, [{ digest, content }], { name, bytes }, signal);
  if (!sent.ok) return sent;
  if (sent.value === undefined) {
    pushed.unreadable.push(digest);
    return ok(undefined);
  }
  pushed.bytes += sent.value;
  before.add(name, parcel);
  pushed.answers += parcel.entries.length;
  return ok(undefined);
}
