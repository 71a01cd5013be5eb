import { readFileSync } from "node:fs";
import { join } from "node:path";
import { answerIn } from "../api/output-line.ts";
import { readJson } from "../api/read-json.ts";
import { type RequestId, requestIdOf } from "../api/request-file.ts";
import { costOfTally, tallyOf } from "../batch/money.ts";
import type { CheckConfig } from "../config/project-config.ts";
import { isFingerprint } from "../graph/digest.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Target } from "../graph/target.ts";
import { readShardLine } from "../kinds/shard.ts";
import { jobLines } from "../report/jobs.ts";
import type { JobLine } from "../report/result-schema.ts";
import type { TracedCandidate, TracedComparison, TracedRequest, TraceLine } from "../report/trace-schema.ts";
import type { EntryNames, ShardLine } from "../tasks/candidate.ts";
import { pairOfTexts } from "../tasks/candidate.ts";
import { checkNames } from "../tasks/check-plan.ts";
import { differingTokens, tokenReader } from "../tokenizers/token-texts.ts";
import { textOf, type Variant } from "../tokenizers/variant.ts";
import type { CommandContext } from "./context.ts";
import { readLines, unreadable } from "./read-lines.ts";
import type { GraphSession } from "./session.ts";
import { encodersOf } from "./tokenizers.ts";

type Traced<T> = Result<T, readonly Problem[]>;

/** The job that a person names by its id or by its batch's; undefined when there is none. */
export function jobNamed(name: string, session: GraphSession): JobLine | undefined {
  return jobLines(session.answers.jobs()).find(({ jobId, batchId }) => jobId === name || batchId === name);
}

/** A request's id, alone or at the end of a custom_id. */
export function requestNamed(name: string): RequestId | undefined {
  return requestIdOf(isFingerprint(name) ? `request-${name}` : name);
}

/** Where rows, candidates and requests come from, read from the files as they lie and the cache; asks nothing, makes nothing. */
export class Tracer {
  readonly #context: CommandContext;
  readonly #session: GraphSession;

  constructor(context: CommandContext, session: GraphSession) {
    this.#context = context;
    this.#session = session;
  }

  /** A scenario of a dataset, or a line (from 1) of a shard, request file or output file. */
  async line(of: string, target: TargetName, number: number): Promise<Traced<TraceLine>> {
    const manifest = this.#session.graph.target(target)?.companions?.[0];
    if (manifest !== undefined) return this.#scenario(of, target, manifest, number);
    const text = await this.#lineOf(target, number);
    if (!text.ok) return text;
    const line = readJson(text.value);
    const custom = isJsonObject(line) ? line["custom_id"] : undefined;
    if (isJsonObject(line) && "valid" in line) return this.#traced(of, null, [[target, number, text.value]], undefined);
    const id = typeof custom === "string" ? requestIdOf(custom) : undefined;
    return id === undefined
      ? err([usage(of, "the line is of no scenario, candidate, request or answer.", "`dsgen inspect` shows the file.")])
      : this.request(of, id);
  }

  /** A request, its answer, and every candidate that was read from that. */
  async request(of: string, id: RequestId): Promise<Traced<TraceLine>> {
    const asked = await this.#asked(id);
    const from = asked === undefined ? [] : await this.#candidatesOf(asked.file, id);
    if (asked === undefined && this.#session.answers.traced(id).entry === undefined) {
      const message = "no request file asks this, no job has it in hand, and no answer to it is stored.";
      return err([usage(of, message, "Name a target, FILE#LINE, a request's id or custom_id, or a job.")]);
    }
    return this.#traced(of, null, from, id);
  }

  async #scenario(of: string, file: TargetName, manifest: TargetName, number: number): Promise<Traced<TraceLine>> {
    const read = this.#json(manifest);
    const list = isJsonObject(read) && Array.isArray(read["scenarios"]) ? read["scenarios"].filter(isJsonObject) : [];
    const at = list.findIndex((one) => one["scenario_id"] === number);
    const scenario = list[at];
    if (scenario === undefined) {
      const has = list.length === 0 ? "it names none" : `it has 0 to ${list.length - 1}`;
      return err([usage(of, `${manifest} knows no scenario ${number}: ${has}.`, "Name one of these, or build first.")]);
    }
    const { shard: place, request_id: asked, entry } = scenario;
    const shard = typeof place === "string" ? this.#session.graph.target(place)?.name : undefined;
    const id = typeof asked === "string" ? requestNamed(asked) : undefined;
    if (shard === undefined || id === undefined) return err([stale(of, `${manifest} does not say where`)]);
    const dataset = isJsonObject(read) && isJsonObject(read["dataset"]) ? read["dataset"] : {};
    if (this.#session.store.content.digest(join(this.#session.projectRoot, file)) !== dataset["sha256"])
      this.#context.notice("warning", "edited-output", `${file} is not as ${manifest} has it: its rows may be others.`);
    const each = Number(dataset["rows"]) / Number(dataset["scenarios"]);
    const rows: JsonObject[] = [];
    for (let i = 0; i < each; i++) {
      const line = await this.#lineOf(file, at * each + i + 1);
      const row = line.ok ? readJson(line.value) : undefined;
      if (isJsonObject(row)) rows.push(row);
    }
    const candidates = await this.#linesWith(shard, id);
    const own = candidates.filter(([, , text]) => {
      const line = readJson(text);
      return isJsonObject(line) && isJsonObject(line["from"]) && line["from"]["index"] === entry;
    });
    if (own.length === 0) return err([stale(of, `${shard} has no such candidate any more`)]);
    return this.#traced(of, { file, scenario: number, rows }, own, id);
  }

  async #traced(
    of: string,
    row: TraceLine["row"],
    lines: readonly ShardText[],
    asked: RequestId | undefined,
  ): Promise<Traced<TraceLine>> {
    const candidates: TracedCandidate[] = [];
    for (const line of lines) {
      const candidate = await this.#candidate(line);
      if (!candidate.ok) return candidate;
      candidates.push(candidate.value);
    }
    const id = asked ?? requestNamed(candidates[0]?.requestId ?? "");
    const request = id === undefined ? null : await this.#request(id);
    return ok({ type: "trace", of, row, candidates, request, job: null });
  }

  async #request(id: RequestId): Promise<TracedRequest> {
    const { config, answers } = this.#session;
    const { entry, raw, underWay, why } = answers.traced(id);
    const asked = await this.#asked(id);
    const used = raw === undefined ? null : (answerIn(raw)?.usage ?? null);
    const model = asked?.request["body"];
    const price = isJsonObject(model) ? config.models[String(model["model"])] : undefined;
    const job = entry === undefined ? underWay : answers.jobs().find(({ jobId }) => jobId === entry.jobId);
    return {
      requestId: id,
      asked: asked ?? null,
      state: entry?.kind ?? (underWay === undefined ? "unanswered" : "under-way"),
      why:
        entry?.kind === "answer" || (entry === undefined && underWay === undefined && job === undefined) ? null : why,
      batchId: entry?.batchId ?? underWay?.batchId ?? null,
      job: job === undefined ? null : waitingPart(job),
      via: entry?.via ?? null,
      raw: raw ?? null,
      usage: used,
      costUsd: entry === undefined ? null : costOfTally(tallyOf([used]), price, entry.via),
    };
  }

  /** The request as it is asked now: in which file, on which line. */
  async #asked(id: RequestId): Promise<NonNullable<TracedRequest["asked"]> | undefined> {
    const files = new Set(this.#session.graph.targets.flatMap(({ gate }) => gate?.requests ?? []));
    for (const file of files) {
      for (const [, number, text] of await this.#linesWith(file, id)) {
        const request = readJson(text);
        if (isJsonObject(request) && String(request["custom_id"]).endsWith(id)) return { file, line: number, request };
      }
    }
    return undefined;
  }

  /** The lines of shards that were read from the answer to a request of this file. */
  async #candidatesOf(file: string, id: RequestId): Promise<readonly ShardText[]> {
    const { graph } = this.#session;
    const outputs = new Set<string>(
      graph.targets.flatMap(({ gate, outputs: made }) => (gate?.requests === file ? [...made] : [])),
    );
    const from = ({ inputs }: Target) =>
      Object.values(inputs).some((input) => input.kind === "target" && outputs.has(input.target));
    const lines: ShardText[] = [];
    for (const target of graph.targets.filter(from))
      for (const line of await this.#linesWith(target.name, id)) if (isCandidate(line)) lines.push(line);
    return lines;
  }

  async #candidate([file, number, text]: ShardText): Promise<Traced<TracedCandidate>> {
    const inputs = this.#madeFrom(file);
    const names = inputs("names");
    const task = this.#session.graph.target(file)?.task;
    const known = this.#session.config.tasks.find(({ task_name }) => task_name === task);
    const spelled = isNames(names) ? names : known;
    if (spelled === undefined) return err([stale(file, "nothing says what its lines are")]);
    const read = readShardLine(text, spelled);
    if (!read.ok) return err([stale(`${file}:${number}`, read.error)]);
    const { valid, texts, failed, from } = read.value;
    const tokens = await this.#tokens(file, read.value, inputs);
    if (!tokens.ok) return tokens;
    const checks = inputs("checks");
    const all = isListWith<CheckConfig>(checks, "check") ? checkNames(checks) : [];
    return ok({
      file,
      line: number,
      entry: from.index,
      requestId: from.request_id,
      valid,
      texts: Object.fromEntries(spelled.fields.map((field, i) => [field, texts[i] ?? ""])),
      checks: [...new Set([...all, ...failed.map(({ check }) => check)])].map((check) => {
        const failure = failed.find((one) => one.check === check);
        return { check, ok: failure === undefined, reason: failure?.reason ?? null, detail: failure?.detail ?? null };
      }),
      tokens: tokens.value,
    });
  }

  async #tokens(
    file: TargetName,
    { texts, tokens }: ShardLine,
    inputs: (name: string) => JsonValue | undefined,
  ): Promise<Traced<readonly TracedComparison[]>> {
    const variants = inputs("templates");
    const names = [...new Set(Object.values(tokens).flatMap((row) => Object.keys(row)))];
    if (names.length === 0 || !isListWith<Variant>(variants, "prefix")) return ok([]);
    const { tokenizers, config } = this.#session;
    const declared = names.filter((name) => config.tokenizers[name] !== undefined);
    const found = await tokenizers([file], this.#context.emit);
    if (!found.ok) return found;
    const encoders = await encodersOf(found.value, declared);
    if (!encoders.ok) return encoders;
    const pair = pairOfTexts(texts);
    const readers = encoders.value.map((encoder) => ({ name: encoder.name, read: tokenReader(encoder) }));
    const compared: TracedComparison[] = [];
    for (const variant of variants) {
      for (const { name, read } of readers) {
        const then = tokens[variant.name]?.[name];
        if (then === undefined) continue;
        const [first, second] = [read(textOf(variant, pair.first)), read(textOf(variant, pair.second))];
        const different = differingTokens(first, second);
        const changed = JSON.stringify([first.length, second.length, different]) !== JSON.stringify(then);
        compared.push({ variant: variant.name, tokenizer: name, different, changed, first, second });
      }
    }
    return ok(compared);
  }

  /** The values that the file as it lies was made from: by the action that placed it, which may not be today's. */
  #madeFrom(file: TargetName): (input: string) => JsonValue | undefined {
    const { store } = this.#session;
    const placed = store.workspace.placement(file);
    const manifest = placed === undefined ? undefined : store.actions.manifest(placed.key);
    return (input) => manifest?.inputs[input]?.[0]?.shown;
  }

  #json(file: TargetName): JsonValue | undefined {
    try {
      return readJson(readFileSync(join(this.#session.projectRoot, file), "utf8"));
    } catch {
      return undefined;
    }
  }

  async #lineOf(file: TargetName, number: number): Promise<Traced<string>> {
    const path = join(this.#session.projectRoot, file);
    const problem = unreadable(path, file);
    if (problem !== undefined) return err([problem]);
    let seen = 0;
    for await (const line of readLines(path, file)) if (++seen === number) return ok(line);
    return err([usage(`${file}#${number}`, `the file has ${seen} lines.`, "Name one of these, counted from 1.")]);
  }

  async #linesWith(file: TargetName, text: string): Promise<readonly ShardText[]> {
    const path = join(this.#session.projectRoot, file);
    if (unreadable(path, file) !== undefined) return [];
    const lines: ShardText[] = [];
    let number = 0;
    for await (const line of readLines(path, file)) {
      number++;
      if (line.includes(text)) lines.push([file, number, line]);
    }
    return lines;
  }
}

type ShardText = readonly [file: TargetName, line: number, text: string];

function isNames(value: unknown): value is EntryNames {
  return isJsonObject(value) && typeof value["kind"] === "string" && Array.isArray(value["fields"]);
}

/** A value of the config as an action has kept it: what it was made of then had passed the config's rules. */
function isListWith<T>(value: unknown, member: keyof T & string): value is readonly T[] {
  return Array.isArray(value) && value.every((item) => isJsonObject(item) && member in item);
}

function isCandidate([, , text]: ShardText): boolean {
  const line = readJson(text);
  return isJsonObject(line) && "valid" in line;
}

function waitingPart(job: NonNullable<TracedRequest["job"]>): NonNullable<TracedRequest["job"]> {
  const { requestFile, jobId, batchId, status, progress, since } = job;
  return { requestFile, jobId, batchId, status, progress, since };
}

function usage(where: string, message: string, fix: string): Problem {
  return { kind: "usage", where, message, fix };
}

function stale(where: string, what: string): Problem {
  return usage(where, `${what}: it was made anew, or edited, since.`, "Run dsgen build, and ask again.");
}
