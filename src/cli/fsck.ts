import { missingEntries } from "../batch/answer-index.ts";
import { following, JobBook } from "../batch/job-book.ts";
import { JobLines } from "../batch/job-lines.ts";
import { countOf } from "../report/format.ts";
import { checkStore, type Finding } from "../store/fsck.ts";
import { mendJournal } from "../store/journal.ts";
import type { Store } from "../store/store.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { InvocationOf } from "./invocation.ts";

/**
 * `dsgen fsck`: reads everything in the cache and checks it, and holds the index of answers against the journal, both ways.
 * Damaged blobs go to quarantine: what is free is made again by the next build, what was paid for is named. With --repair
 * the indexes and the journal are written anew from what can be read. Ends with 1 when anything is, or stays, damaged.
 */
export async function runFsck(context: CommandContext, asked: InvocationOf<"fsck">): Promise<ExitCode> {
  const opened = await context.open("store", "write", { command: "dsgen fsck" });
  if (!opened.ok) return opened.error;
  const session = opened.value;
  try {
    const checked = checkStore(session.store);
    if (!checked.ok) {
      context.problems([checked.error]);
      return EXIT.failed;
    }
    const book = new JobBook(session.store.journal);
    const derived = [...bookFindings(book), ...indexFindings(session.store, book, asked.repair)];
    const all = [...checked.value, ...derived];
    const mended = asked.repair ? [...repair(session.store, all), ...derived] : [];
    const left = all.filter((finding) => !mended.includes(finding));
    const paid = left.filter((finding) => finding.paid).length;
    context.result(
      () => fsckText(left, paid, all.length - left.length),
      () => [
        ...left.map((finding) => ({ type: "fsck" as const, ...finding })),
        { type: "fsck-total", findings: left.length, paid },
      ],
    );
    return left.length === 0 ? EXIT.upToDate : EXIT.failed;
  } finally {
    await session.close();
  }
}

function fsckText(findings: readonly Finding[], paid: number, repaired: number): string {
  const done = repaired === 0 ? "" : `${countOf(repaired, "finding")} repaired.\n`;
  if (findings.length === 0) return `${done}The cache is whole.\n`;
  const lines = findings.map((finding) => `${finding.paid ? "PAID " : ""}${finding.kind}: ${finding.what}\n`);
  const end =
    paid > 0
      ? `${countOf(paid, "finding")} about paid answers: \`dsgen recover\` fetches again what the provider still has.`
      : "Nothing that was paid for is affected; the next build makes again what is missing.";
  return `${done}${lines.join("")}${end}\n`;
}

/** Records of jobs that make no sense after the ones before: a line between them was lost. */
function bookFindings(book: JobBook): readonly Finding[] {
  return book.warnings.map((what) => ({ kind: "journal-damaged", what, paid: false }));
}

/** Answers that the journal and the stored files know of and an index does not; put back into it when told so. */
function indexFindings(store: Store, book: JobBook, mend: boolean): readonly Finding[] {
  const namespaces = new Set(
    store.journal.records().flatMap(({ namespace }) => (typeof namespace === "string" ? [namespace] : [])),
  );
  return [...namespaces].flatMap((namespace) => {
    const responses = store.responses(namespace);
    const jobLines = new JobLines(store.blobs, responses);
    const missing = missingEntries({ ...store, namespace, book, responses, jobLines });
    if (missing.length === 0) return [];
    if (mend) responses.add(missing);
    const what = `the index of ${namespace} lacks ${countOf(missing.length, "answer")} that the stored files hold; a build finds them again`;
    return [{ kind: "response-missing" as const, what, paid: false }];
  });
}

/** Writes anew what can be: the damaged lines of the journal and of the indexes are left out, the files kept aside. */
function repair(store: Store, findings: readonly Finding[]): readonly Finding[] {
  const ofIndex = findings.filter(({ kind }) => kind === "response-damaged");
  if (ofIndex.length > 0)
    for (const namespace of store.namespaces()) {
      const index = store.responses(namespace);
      index.rewrite([...index.entries()]);
    }
  const ofJournal = findings.filter(({ kind }) => kind === "journal-damaged");
  if (ofJournal.length > 0) mendJournal(store.paths, following());
  return [...ofIndex, ...ofJournal];
}
