import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import type { BatchProvider, Call, ProviderError, RemoteBatch } from "../../src/batch/provider.ts";
import { openOpenAiProvider } from "../../src/providers/openai/provider.ts";
import type { OpenAiSettings } from "../../src/providers/openai/settings.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "../../src/simulator/server.ts";

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Runs when the test is over, last registered first. */
export function afterwards(cleanup: () => Promise<void> | void): void {
  cleanups.push(cleanup);
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "dsgen-providers-"));
  afterwards(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function simulator(
  options: Partial<SimulatorOptions> = {},
): Promise<Simulator & { readonly stateDir: string }> {
  const stateDir = options.stateDir ?? temporaryFolder();
  const server = await startSimulator({ seed: 1, timing: "instant", ...options, stateDir });
  afterwards(() => server.close());
  return { ...server, stateDir };
}

export function clientOf(server: { readonly url: string }, settings: Partial<OpenAiSettings> = {}): BatchProvider {
  return openOpenAiProvider({
    apiKey: "test-key-0123456789",
    baseUrl: `${server.url}/v1`,
    timeoutMs: 5000,
    idleTimeoutMs: 2000,
    ...settings,
  });
}

export const PROMPT = 'Generate exactly 10 pairs as JSON: {"pairs": [{"safe": "...", "harmful": "..."}]}';

export function requestLine(index: number, changes: Readonly<Record<string, unknown>> = {}): string {
  const body = { model: "gpt-4o-mini", messages: [{ role: "user", content: `${PROMPT} Batch part ${index}.` }] };
  return JSON.stringify({ custom_id: `T-${index}`, method: "POST", url: "/v1/chat/completions", body, ...changes });
}

export function requestFile(lines: number | readonly string[]): { readonly path: string; readonly filename: string } {
  const texts = typeof lines === "number" ? Array.from({ length: lines }, (_, index) => requestLine(index)) : lines;
  const path = join(temporaryFolder(), "requests.jsonl");
  writeFileSync(path, texts.map((line) => `${line}\n`).join(""));
  return { path, filename: "job-abc.jsonl" };
}

/** The value of a call that must succeed. */
export function must<T>(call: Call<T>): T {
  if (!call.ok) throw new Error(`the call failed: ${JSON.stringify(call.error)}`);
  return call.value;
}

/** The error of a call that must fail. */
export function failure(call: Call<unknown>): ProviderError {
  if (call.ok) throw new Error(`the call succeeded: ${JSON.stringify(call.value)}`);
  return call.error;
}

export async function submit(
  provider: BatchProvider,
  lines: number | readonly string[] = 4,
  job = "job-abc",
): Promise<RemoteBatch> {
  const file = must(await provider.upload(requestFile(lines)));
  return must(
    await provider.createBatch({ inputFileId: file.id, endpoint: "/v1/chat/completions", metadata: { job } }),
  );
}

export interface ResultLine {
  readonly id: string;
  readonly custom_id: string;
  readonly response: {
    readonly status_code: number;
    readonly request_id: string;
    readonly body: Readonly<Record<string, unknown>>;
  } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export async function resultLines(provider: BatchProvider, fileId: string | null): Promise<readonly ResultLine[]> {
  if (fileId === null) return [];
  const path = join(temporaryFolder(), "result.jsonl");
  must(await provider.download(fileId, path, 1e9));
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  return lines.map((line): ResultLine => JSON.parse(line));
}
