import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { RemoteBatchError } from "../batch/provider.ts";
import type { Tokens } from "./question.ts";
import { simId } from "./random.ts";
import type { Endpoint } from "./requests.ts";
import type { Course } from "./timeline.ts";

interface StoredObject {
  readonly v: 1;
  readonly id: string;
  /** A thousandth of it is when it was made, in milliseconds; rises with every object: the order of lists. */
  readonly order: number;
  readonly owner: string;
}

/** A file as the simulator keeps it; the content lies beside it. */
export interface FileRecord extends StoredObject {
  readonly filename: string;
  readonly bytes: number;
  readonly purpose: string;
  readonly createdAtMs: number;
  /** Seconds after its creation; undefined for a file that stays. */
  readonly expiresAfter: number | undefined;
}

/** A batch as the simulator keeps it. Its state is not in here: it follows from `course` and the clock. */
export interface BatchRecord extends StoredObject {
  readonly endpoint: Endpoint;
  readonly inputFileId: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Seconds that its output and error files live for; undefined for the usual 30 days. */
  readonly outputExpiresAfter: number | undefined;
  readonly model: string | null;
  /** What it holds of the enqueued-token limit while it is live. */
  readonly enqueuedTokens: number;
  readonly course: Course;
  readonly quirks: Quirks;
  /** Why it failed, when it is to fail. */
  readonly errors: readonly RemoteBatchError[];
  /** How many of its requests are in the ledger. */
  readonly charged: number;
  readonly settled: Settled | null;
}

/** Faults that stick to a batch. */
export interface Quirks {
  readonly errorLines: { readonly status: number; readonly every: number } | null;
  readonly onlyErrors: number | null;
  readonly dropLines: number;
  readonly unknownLines: number;
}

/** What a batch left behind when it ended. */
export interface Settled {
  readonly outputFileId: string | null;
  readonly errorFileId: string | null;
  readonly completed: number;
  readonly failed: number;
  readonly tokens: Tokens;
}

/** Objects of one kind, each a small JSON file that is replaced by rename: a killed process leaves every one of them whole. */
class Shelf<T extends StoredObject> {
  readonly #folder: string;
  readonly #temporaryPath: (name: string) => string;

  constructor(folder: string, temporaryPath: (name: string) => string) {
    this.#folder = folder;
    this.#temporaryPath = temporaryPath;
  }

  get(id: string): T | undefined {
    // Ids come from URLs: nothing but our own kind of name reaches the file system.
    if (!/^[A-Za-z0-9_-]{1,100}$/.test(id)) return undefined;
    const path = join(this.#folder, `${id}.json`);
    if (!existsSync(path)) return undefined;
    // Records are written whole by this class alone, in a folder that holds nothing else.
    const record: T = JSON.parse(readFileSync(path, "utf8"));
    return record.v === 1 ? record : undefined;
  }

  /** Newest first. */
  all(): readonly T[] {
    return readdirSync(this.#folder)
      .filter((name) => name.endsWith(".json"))
      .flatMap((name) => this.get(name.slice(0, -".json".length)) ?? [])
      .sort((a, b) => b.order - a.order);
  }

  save(record: T): T {
    const temporary = this.#temporaryPath(`${record.id}.json`);
    writeFileSync(temporary, JSON.stringify(record));
    renameSync(temporary, join(this.#folder, `${record.id}.json`));
    return record;
  }

  remove(id: string): void {
    rmSync(join(this.#folder, `${id}.json`), { force: true });
  }

  /**
   * An id nobody has, which depends on what it names and on how many such there are: the same uploads and batches get
   * the same ids on every machine. The marker file is created exclusively, so two processes never share one.
   */
  claimId(prefix: string, ...parts: readonly (string | number)[]): string {
    for (let nth = 0; ; nth++) {
      const id = simId(prefix, ...parts, nth);
      try {
        closeSync(openSync(join(this.#folder, `${id}.claim`), "wx"));
        return id;
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      }
    }
  }
}

/** The simulator's memory, on disk: two processes over one folder see each other's objects. */
export class SimulatorState {
  readonly dir: string;
  readonly files: Shelf<FileRecord>;
  readonly batches: Shelf<BatchRecord>;
  /** Apart from other processes and other servers of this one. */
  readonly #tag = `${process.pid}-${randomBytes(4).toString("hex")}`;
  #lastOrder = 0;

  constructor(dir: string) {
    this.dir = dir;
    for (const folder of ["files", "batches", "tmp"]) mkdirSync(join(dir, folder), { recursive: true });
    const temporaryPath = (name: string) => this.temporaryPath(name);
    this.files = new Shelf(join(dir, "files"), temporaryPath);
    this.batches = new Shelf(join(dir, "batches"), temporaryPath);
  }

  /** Above every order given out before, by this process or an earlier one. */
  nextOrder(now: number): number {
    this.#lastOrder = Math.max(this.#lastOrder + 1, now * 1000);
    return this.#lastOrder;
  }

  /** Where a file's content lies. */
  contentPath(fileId: string): string {
    return join(this.dir, "files", `${fileId}.content`);
  }

  temporaryPath(name: string): string {
    return join(this.dir, "tmp", `${this.#tag}-${name}`);
  }

  /** Takes a file in whose content is whole: visible from here on. */
  addFile(content: string, file: Omit<FileRecord, "v" | "order">): FileRecord {
    renameSync(content, this.contentPath(file.id));
    return this.files.save({ v: 1, order: this.nextOrder(file.createdAtMs), ...file });
  }

  removeFile(id: string): void {
    this.files.remove(id);
    this.dropContent(id);
  }

  /** Removes a content that has no file any more, unless a batch that has not ended still reads it. */
  dropContent(id: string): void {
    if (this.files.get(id) !== undefined) return;
    const read = this.batches.all().some(({ inputFileId, settled }) => inputFileId === id && settled === null);
    if (!read) rmSync(this.contentPath(id), { force: true });
  }
}
