import { isSimulator } from "../api/made-up.ts";
import { answerIn } from "../api/output-line.ts";
import type { RequestId, RequestLine } from "../api/request-file.ts";
import type { ResponseEntry, Responses } from "../api/responses.ts";
import type { Emit } from "../events/schema.ts";
import type { Digest } from "../graph/digest.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Job } from "./job.ts";
import type { LedgerSources } from "./ledger.ts";

/** What another namespace of this cache holds of some requests. */
interface Elsewhere {
  readonly namespace: string;
  readonly answers: number;
  /** Requests of its jobs that are still under way. */
  readonly underWay: number;
}

interface OtherPorts extends Pick<LedgerSources, "namespace" | "indexes" | "book" | "journal" | "clock"> {
  readonly emit: Emit;
  linesOf(job: Job): readonly RequestLine[];
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
 * A namespace is an address, an organisation and a project. Another host name for the same server, or an organisation id that is
 * set later, is another namespace: what was paid for under the old one is not found, and would be bought again. Only a person
 * knows that both are one provider, so dsgen says what is there, and takes it over when told to.
 */
export class OtherNamespaces {
  readonly #ports: OtherPorts;
  readonly #wanted = new Map<Digest, readonly RequestLine[]>();

  constructor(ports: OtherPorts) {
    this.#ports = ports;
  }

  /** Notes what a request file would ask, as last looked at. */
  wanted(requests: Digest, lines: readonly RequestLine[]): void {
    this.#wanted.set(requests, lines);
  }

  /** For each namespace that has something of what was noted: what a person should know before it is paid for. */
  tell(): readonly string[] {
    const lines = [...this.#wanted.values()].flat();
    return this.#held(lines).map((held) => this.#say(held, lines.length));
  }

  /** Warns of a namespace that has more than half of what is about to be sent. */
  warn(lines: readonly RequestLine[]): void {
    for (const held of this.#held(lines)) {
      if ((held.answers + held.underWay) * 2 <= lines.length) continue;
      const message = this.#say(held, lines.length);
      this.#ports.emit({ type: "notice", level: "warning", code: "other-namespace", message });
    }
  }

  /**
   * Makes another namespace's answers count as the present one's, because a person says that both are the same provider. They
   * stay where they are, under both names; what they cost stays counted once. What the other refused is not taken: here it may
   * be answered. Problems: no such namespace, or one that is simulated.
   */
  takeOver(from: string): Result<TakenOver, Problem> {
    const { namespace, indexes, journal, clock } = this.#ports;
    const others = indexes.namespaces().filter((other) => other !== namespace && !isSimulator(other));
    const misuse = (message: string, fix: string) =>
      err({ kind: "usage", where: `--from-namespace ${from}`, message, fix: `${fix}Nothing was taken.` } as const);
    if (isSimulator(from) || isSimulator(namespace))
      return misuse("simulated answers are never taken for real ones, nor real ones for simulated.", "");
    if (!others.includes(from)) {
      const present = from === namespace ? " other than the present one's" : "";
      const names = others.length === 0 ? "none under any other name" : others.join(", ");
      return misuse(`this cache has no answers under that name${present}.`, `It has ${names}. `);
    }
    const theirs = indexes.responses(from);
    const ours = indexes.responses(namespace);
    const entries: ResponseEntry[] = [];
    let [known, simulated] = [0, 0];
    for (const entry of theirs.entries()) {
      if (entry.kind !== "answer") continue;
      if (ours.lookup(entry.requestId)?.kind === "answer") known++;
      else if (isMadeUp(theirs, entry.requestId)) simulated++;
      else entries.push(entry);
    }
    // First the word that this was done, then what it does: done twice it changes nothing.
    if (entries.length > 0)
      journal.append({ t: "taken-over", namespace, from, answers: entries.length, at: clock.now() });
    ours.add(entries);
    return ok({ namespace: from, taken: entries.length, known, simulated });
  }

  /** Who else has answers to these requests, or has asked them; most first. Simulated answers and real ones never meet. */
  #held(lines: readonly RequestLine[]): readonly Elsewhere[] {
    const { namespace, indexes, book } = this.#ports;
    if (lines.length === 0 || isSimulator(namespace)) return [];
    const wanted = new Set(lines.map(({ id }) => id));
    const others = new Set([...indexes.namespaces(), ...book.all().map((job) => job.namespace)]);
    return [...others]
      .filter((other) => other !== namespace && !isSimulator(other))
      .map((other) => this.#heldBy(other, wanted))
      .filter(({ answers, underWay }) => answers + underWay > 0)
      .sort((a, b) => b.answers + b.underWay - (a.answers + a.underWay));
  }

  #heldBy(namespace: string, wanted: ReadonlySet<RequestId>): Elsewhere {
    const { indexes, book, linesOf } = this.#ports;
    const responses = indexes.responses(namespace);
    const answered = [...wanted].filter((id) => responses.lookup(id)?.kind === "answer");
    // One server's answers are all made up, or none is.
    const [first] = answered;
    const madeUp = first !== undefined && isMadeUp(responses, first);
    const asked = book.open(namespace).flatMap((job) => linesOf(job));
    const underWay = asked.filter(({ id }) => wanted.has(id) && responses.lookup(id) === undefined).length;
    return { namespace, answers: madeUp ? 0 : answered.length, underWay };
  }

  #say({ namespace: other, answers, underWay }: Elsewhere, asked: number): string {
    const { namespace } = this.#ports;
    const of = (requests: number) => `${requests} of the ${asked} requests to be sent are`;
    const there = [
      ...(answers === 0 ? [] : [`the answers to ${of(answers)} in this cache`]),
      ...(underWay === 0 ? [] : [`${of(underWay)} under way`]),
    ].join(", and ");
    const wait = `What is under way comes in when dsgen runs with the address and organisation of ${other}.`;
    const take = `If both are one provider, take them over: dsgen import --from-namespace ${other}`;
    const advice = `${underWay === 0 ? "" : ` ${wait}`}${answers === 0 ? "" : ` ${take}`}`;
    return `${there} under ${other}; under ${namespace} they are paid for again.${advice}`;
  }
}

/** Whether an answer bears the simulator's mark, whatever address it came from. */
function isMadeUp(responses: Responses, id: ResponseEntry["requestId"]): boolean {
  return answerIn(responses.readRaw(id) ?? "")?.simulated ?? false;
}
