import { answerIn } from "../api/output-line.ts";
import type { ResponseEntry, Responses } from "../api/responses.ts";
import type { BlobStore } from "../engine/ports.ts";
import { ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { atOnce, putBlob } from "./checked.ts";
import { sealRecord } from "./record.ts";
import type { Remote, RemoteFailure } from "./remote.ts";
import { bodyOf, groupAnswers, RESPONSES, recordName, type SharedAnswers } from "./response-record.ts";
import type { Writer } from "./writer.ts";

/** The answers that a cache holds. */
export interface AnswerSource {
  readonly blobs: Pick<BlobStore, "read">;
  namespaces(): readonly string[];
  responses(namespace: string): Responses;
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
 * Shares every real answer of a cache: the file that holds it as it was received, then a record that says whose it is. Cut off
 * at any point it goes on with what is missing. `done` tells how far it is, in files.
 */
export async function pushAnswers(
  source: AnswerSource,
  to: { readonly remote: Remote; readonly project: string; readonly writer: Writer },
  signal: AbortSignal,
  done: (files: number, of: number) => void = () => undefined,
): Promise<Result<Pushed, { readonly failure: RemoteFailure; readonly pushed: Pushed }>> {
  const pushed: Pushed = { answers: 0, simulated: 0, bytes: 0, unreadable: [] };
  const groups = source.namespaces().flatMap((namespace) => realAnswers(namespace, source, pushed));
  let files = 0;
  const failure = await atOnce(groups, signal, async (group) => {
    const sent = await pushGroup(group, source, to, pushed, signal);
    if (sent.ok) done(++files, groups.length);
    return sent;
  });
  return failure === undefined ? ok(pushed) : err({ failure, pushed });
}

/** Simulated answers may lie under a real provider's name too: they bear a mark. */
function realAnswers(namespace: string, source: AnswerSource, pushed: Pushed): readonly SharedAnswers[] {
  const responses = source.responses(namespace);
  const answers = [...responses.entries()].filter(({ kind }) => kind === "answer");
  if (!namespace.startsWith("openai:")) {
    pushed.simulated += answers.length;
    return [];
  }
  const real = answers.filter((entry) => {
    const answer = read(responses, entry, pushed);
    if (answer?.simulated === true) pushed.simulated++;
    return answer !== undefined && !answer.simulated;
  });
  return groupAnswers(namespace, real);
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

async function pushGroup(
  group: SharedAnswers,
  { blobs }: AnswerSource,
  { remote, project, writer }: Parameters<typeof pushAnswers>[1],
  pushed: Pushed,
  signal: AbortSignal,
): Promise<Result<void, RemoteFailure>> {
  const content = await blobs.read(group.blob);
  if (!content.ok) {
    pushed.unreadable.push(group.blob);
    return ok(undefined);
  }
  const sent = await putBlob(remote, group.blob, content.value, signal);
  if (!sent.ok) return sent;
  pushed.bytes += sent.value;
  const record = sealRecord(RESPONSES, bodyOf(project, group), writer);
  const put = await remote.putIfAbsent(recordName(project, writer.word, record), record, signal);
  if (!put.ok) return put;
  pushed.answers += group.entries.length;
  return ok(undefined);
}
