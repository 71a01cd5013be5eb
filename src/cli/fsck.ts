import { missingEntries } from "../batch/answer-index.ts";
import { following, JobBook } from "../batch/job-book.ts";
import { JobLines } from "../batch/job-lines.ts";
import { countOf } from "../report/format.ts";
import { checkStore, type Finding } from "../store/fsck.ts";
import { mendJournal } from "../store/journal.ts";
import type { Store } from "../store/store.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { flag } from "./options.ts";

/**
 * `dsgen fsck`: reads everything in the cache and checks it, and holds the index of answers against the journal, both ways.
 * Damaged blobs go to quarantine: what is free is made again by the next build, what was paid for is named. With --repair
 * the indexes and the journal are written anew from what can be read. Ends with 1 when anything is, or stays, damaged.
 */
export const fsck = command({
  name: "fsck",
  about: "check everything in the cache",
  examples: [
    ["dsgen fsck", "read every file of the cache against its digest"],
    ["dsgen fsck --repair", "and write anew what can be told from the rest"],
  ],
  takes: { repair: flag("write the index of answers and the journal anew from what can be read") },
  run: (context, asked) => context.with("store", "write", ({ store }) => runFsck(context, store, asked.repair)),
});

function runFsck(context: CommandContext, store: Store, mend: boolean): ExitCode {
  const checked = checkStore(store);
  if (!checked.ok) return context.refuse([checked.error], EXIT.failed);
  const book = new JobBook(store.journal);
  const derived = [...bookFindings(book), ...indexFindings(store, book, mend)];
  const all = [...checked.value, ...derived];
  const mended = mend ? [...repair(store, all), ...derived] : [];
  const left = all.filter((finding) => !mended.includes(finding));
  const paid = left.filter((finding) => finding.paid).length;
  context.result(
    () => fsckText(left, all.length - left.length, paid),
    () => [
      ...left.map((finding) => ({ type: "fsck" as const, ...finding })),
      { type: "fsck-total", findings: left.length, paid },
    ],
  );
  return left.length === 0 ? EXIT.upToDate : EXIT.failed;
}

function fsckText(left: readonly Finding[], repaired: number, paid: number): string {
  const lines = repaired === 0 ? [] : [`${countOf(repaired, "finding")} repaired.`];
  for (const each of left.map((finding) => `${finding.paid ? "PAID " : ""}${finding.kind}: ${finding.what}`))
    lines.push(each);
  if (left.length === 0) lines.push("The cache is whole.");
  else if (paid === 0) lines.push("Nothing that was paid for is affected; the next build makes again what is missing.");
  else {
    const about = `${countOf(paid, "finding")} about paid answers`;
    lines.push(`${about}: \`dsgen recover\` fetches again what the provider still has.`);
  }
  return `${lines.join("\n")}\n`;
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
