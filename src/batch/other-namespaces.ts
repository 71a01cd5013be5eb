import type { Clock, Journal } from "../engine/ports.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Job } from "./job.ts";
import type { JobBook } from "./job-book.ts";
import type { AnswerIndexes } from "./ledger.ts";
import { isSimulator, saidBySimulator } from "./ledger-record.ts";
import type { RequestId } from "./request-file.ts";
import type { ResponseEntry } from "./responses.ts";

/*
 * A namespace is an address, an organisation and a project. Another host name for the same server, or an organisation id that is
 * set later, is another namespace: what was paid for under the old one is not found, and would be bought again. Only a person
 * knows that both are one provider, so dsgen says what is there, and takes it over when told to.
 */

/** What another namespace of this cache holds of some requests. */
export interface Elsewhere {
  readonly namespace: string;
  readonly answers: number;
  /** Requests of its jobs that are still under way. */
  readonly underWay: number;
}

export interface OtherPorts {
  readonly namespace: string;
  readonly indexes: AnswerIndexes;
  readonly book: JobBook;
}

/** Who else has answers to these requests, or has asked them; most first. Simulated answers and real ones never meet. */
export function heldElsewhere(
  wanted: ReadonlySet<RequestId>,
  ports: OtherPorts & { readonly requestsOf: (job: Job) => readonly RequestId[] },
): readonly Elsewhere[] {
  const { namespace, indexes, book } = ports;
  if (wanted.size === 0 || isSimulator(namespace)) return [];
  const jobs = book.all().map((job) => job.namespace);
  const others = new Set(
    [...indexes.namespaces(), ...jobs].filter((other) => other !== namespace && !isSimulator(other)),
  );
  return [...others]
    .map((other) => {
      const responses = indexes.responses(other);
      const answered = [...wanted].filter((id) => responses.lookup(id)?.kind === "answer");
      // One server's answers are all made up, or none is.
      const [first] = answered;
      const madeUp = first !== undefined && saidBySimulator(responses.readRaw(first) ?? "");
      const asked = book.open(other).flatMap(ports.requestsOf);
      const underWay = asked.filter((id) => wanted.has(id) && responses.lookup(id) === undefined).length;
      return { namespace: other, answers: madeUp ? 0 : answered.length, underWay };
    })
    .filter(({ answers, underWay }) => answers + underWay > 0)
    .sort((a, b) => b.answers + b.underWay - (a.answers + a.underWay));
}

/** What a person should know before these requests are paid for under `namespace`. */
export function sayElsewhere(
  { namespace: other, answers, underWay }: Elsewhere,
  asked: number,
  namespace: string,
): string {
  const there = [
    ...(answers === 0 ? [] : [`the answers to ${answers} of the ${asked} requests to be sent are in this cache`]),
    ...(underWay === 0 ? [] : [`${underWay} of the ${asked} requests to be sent are under way`]),
  ].join(", and ");
  const take = answers === 0 ? "" : ` If both are one provider, take them over: dsgen import --from-namespace ${other}`;
  const wait =
    underWay === 0 ? "" : ` What is under way comes in when dsgen runs with the address and organisation of ${other}.`;
  return `${there} under ${other}; under ${namespace} they are paid for again.${wait}${take}`;
}

export interface TakenOver {
  readonly namespace: string;
  /** Answers that are new under the present namespace. */
  readonly taken: number;
  readonly known: number;
  /** Made-up answers, which are never taken for real ones. */
  readonly simulated: number;
}

/**
 * Makes another namespace's answers count as the present one's, because a person says that both are the same provider. They stay
 * where they are, under both names; what they cost stays counted once. What the other refused is not taken: here it may be
 * answered. Problems: no such namespace, or one that is simulated.
 */
export function takeOver(
  from: string,
  { namespace, indexes, journal, clock }: OtherPorts & { readonly journal: Journal; readonly clock: Clock },
): Result<TakenOver, Problem> {
  const others = indexes.namespaces().filter((other) => other !== namespace && !isSimulator(other));
  if (isSimulator(from) || isSimulator(namespace)) {
    return err({
      kind: "usage",
      where: `--from-namespace ${from}`,
      message: "simulated answers are never taken for real ones, nor real ones for simulated.",
      fix: "Nothing was taken.",
    });
  }
  if (!others.includes(from)) {
    return err({
      kind: "usage",
      where: `--from-namespace ${from}`,
      message: `this cache has no answers under that name${from === namespace ? " other than the present one's" : ""}.`,
      fix: `It has ${others.length === 0 ? "none under any other name" : others.join(", ")}. Nothing was taken.`,
    });
  }
  const theirs = indexes.responses(from);
  const ours = indexes.responses(namespace);
  const entries: ResponseEntry[] = [];
  let [known, simulated] = [0, 0];
  for (const entry of theirs.entries()) {
    if (entry.kind !== "answer") continue;
    if (ours.lookup(entry.requestId)?.kind === "answer") known++;
    else if (saidBySimulator(theirs.readRaw(entry.requestId) ?? "")) simulated++;
    else entries.push(entry);
  }
  // First the word that this was done, then what it does: done twice it changes nothing.
  if (entries.length > 0)
    journal.append({ t: "taken-over", namespace, from, answers: entries.length, at: clock.now() });
  ours.add(entries);
  return ok({ namespace: from, taken: entries.length, known, simulated });
}
