import { type FileHandle, open, rename } from "node:fs/promises";
import type { JsonObject } from "../graph/json.ts";
import { BATCH_FILE_SECONDS } from "./expiry.ts";
import { simId } from "./random.ts";
import type { BatchRecord, SimulatorState } from "./state.ts";

/** A result file in the making; it becomes visible only when it is whole. */
export class ResultFile {
  readonly #state: SimulatorState;
  readonly #record: BatchRecord;
  readonly #kind: "output" | "error";
  readonly #pending: Buffer[] = [];
  #handle: FileHandle | undefined;
  #pendingBytes = 0;
  #bytes = 0;
  lines = 0;

  constructor(state: SimulatorState, record: BatchRecord, kind: "output" | "error") {
    this.#state = state;
    this.#record = record;
    this.#kind = kind;
  }

  /** Whether its lines are so long that each is work enough for a turn. */
  get isLarge(): boolean {
    return this.#bytes > this.lines * 100_000;
  }

  /** One line of embeddings may have 70 MB: only lines are ever held as texts, never what they make together. */
  async add(line: JsonObject): Promise<void> {
    const data = Buffer.from(`${JSON.stringify(line)}\n`);
    this.#pending.push(data);
    this.#pendingBytes += data.length;
    this.lines++;
    if (this.#pendingBytes >= 1 << 20) await this.#flush();
  }

  /** The file's id, or null when it would be empty: the API then names none. */
  async finish(now: number): Promise<string | null> {
    if (this.lines === 0) return null;
    await this.#flush();
    await this.#handle?.close();
    const id = simId("file-", this.#record.id, this.#kind);
    await rename(this.#temporary(), this.#state.contentPath(id));
    this.#state.saveFile({
      v: 1,
      id,
      order: this.#state.nextOrder(now),
      filename: `${this.#record.id}_${this.#kind}.jsonl`,
      bytes: this.#bytes,
      purpose: "batch_output",
      createdAtMs: now,
      expiresAfter: this.#record.outputExpiresAfter ?? BATCH_FILE_SECONDS,
      owner: this.#record.owner,
    });
    return id;
  }

  async #flush(): Promise<void> {
    this.#handle ??= await open(this.#temporary(), "w");
    await this.#handle.writeFile(Buffer.concat(this.#pending));
    this.#bytes += this.#pendingBytes;
    this.#pending.length = 0;
    this.#pendingBytes = 0;
  }

  #temporary(): string {
    return this.#state.temporaryPath(`${this.#record.id}.${this.#kind}`);
  }
}
