import { openAsBlob } from "node:fs";
import { stat } from "node:fs/promises";
import type { OpenAI } from "openai";
import type { BatchProvider, Call, DirectAnswer, ProviderError } from "../../batch/provider.ts";
import { isJsonObject, type JsonObject } from "../../graph/json.ts";
import { ProblemError, problemOfErrno } from "../../graph/problem.ts";
import { err, ok } from "../../graph/result.ts";
import { type BodyText, readErrorText, readText, saveBody } from "./body.ts";
import {
  BadAnswer,
  NeverConnected,
  neverConnectedReason,
  providerErrorOf,
  retryAfterMs,
  type SdkModule,
} from "./failures.ts";
import { followRedirects, redirectOf, resolvedUrl } from "./redirects.ts";
import { type Scrubber, scrubberOf } from "./scrub.ts";
import { type OpenAiSettings, resolveSettings } from "./settings.ts";
import { jsonObjectIn, page, remoteBatch, remoteFile, scrubbed } from "./wire.ts";

/** The slowest line we plan for when an upload's time-out is set. */
const SLOWEST_UPLOAD_BYTES_PER_MS = 30;

/** The client, and the raw text of each failed answer (the client keeps only its parsed half), by its headers. */
interface Connection {
  readonly sdk: SdkModule;
  readonly client: OpenAI;
  readonly rawErrors: WeakMap<Headers, BodyText>;
}

interface Attempt {
  readonly connection: Connection;
  readonly signal: AbortSignal;
}

/**
 * The OpenAI Batch API (and whatever speaks it at `baseUrl`) through the official client. Nothing is repeated here, not
 * by the client either: a repeated create is a second bill, and only batch/ knows which repetition is free.
 * Throws a ProblemError for settings that cannot work. The first call loads the client.
 */
export function openOpenAiProvider(settings: OpenAiSettings): BatchProvider {
  const resolved = resolveSettings(settings);
  const { timeoutMs } = resolved;
  const scrubber = scrubberOf(resolved.apiKey);
  const reading = { idleTimeoutMs: resolved.idleTimeoutMs, scrubber };
  let connecting: Promise<Connection> | undefined;

  const connect = async (): Promise<Connection> => {
    const sdk = await import("openai");
    const rawErrors = new WeakMap<Headers, BodyText>();
    const client = new sdk.OpenAI({
      apiKey: resolved.apiKey,
      baseURL: resolved.baseUrl,
      // Given explicitly, also as null, so that the client does not look into the environment by itself.
      organization: resolved.organisation,
      project: resolved.project,
      adminAPIKey: null,
      webhookSecret: null,
      maxRetries: 0,
      timeout: timeoutMs,
      logLevel: "off",
      // A redirected POST could act in two places, and would show the request to a host nobody named.
      fetchOptions: { redirect: "manual" },
      fetch: async (url, init) => {
        const response = await fetch(url, init).catch((error: unknown) => {
          const reason = neverConnectedReason(error);
          throw reason === undefined
            ? error
            : new NeverConnected(`could not reach ${new URL(`${url}`).host}: ${reason}`);
        });
        learnTime(response.headers);
        if (response.ok) return response;
        // Read here, because the client waits for an error's body without any time-out.
        const raw = await readErrorText(response, reading);
        const copy = new Response(response.status === 304 ? null : raw.text, {
          status: response.status,
          statusText: response.statusText,
          headers: response.headers,
        });
        rawErrors.set(copy.headers, raw);
        return copy;
      },
    });
    return { sdk, client, rawErrors };
  };

  const call = async <T>(
    signal: AbortSignal | undefined,
    work: (attempt: Attempt) => Promise<T>,
    rescue?: (error: unknown, failure: ProviderError, connection: Connection) => T | undefined,
  ): Promise<Call<T>> => {
    if (signal?.aborted === true) return err({ kind: "aborted" });
    connecting ??= connect();
    const connection = await connecting;
    // The client never takes its listener off the signal: hundreds of polls under one signal would pile up.
    const controller = new AbortController();
    const abort = () => controller.abort();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return ok(await work({ connection, signal: controller.signal }));
    } catch (error) {
      const context = { sdk: connection.sdk, scrubber, aborted: controller.signal.aborted };
      const failure = providerErrorOf(error, context);
      if (failure === undefined) throw error;
      const rescued = rescue?.(error, failure, connection);
      return rescued === undefined ? err(failure) : ok(rescued);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  };

  /** The provider's clock, as its last answer showed it: ours may jump (suspend, NTP), and the monotonic one does not. */
  let serverTime: { readonly at: number; readonly seen: number } | null = null;
  const learnTime = (headers: Headers) => {
    const at = Date.parse(headers.get("date") ?? "");
    if (!Number.isNaN(at)) serverTime = { at, seen: performance.now() };
  };

  /** A file's content, wherever the server sends us for it (gateways answer with the address of an object store). */
  const content = async ({ sdk, client }: Connection, fileId: string, signal: AbortSignal): Promise<Response> => {
    try {
      return await client.files.content(fileId, { signal }).asResponse();
    } catch (error) {
      const to = error instanceof sdk.APIError ? redirectOf(error.status, error.headers) : null;
      if (to === null) throw error;
      return followRedirects(resolvedUrl(to, `${resolved.baseUrl}/files/`), resolved, signal);
    }
  };

  /** A call that is answered with one JSON object. */
  const ask = <T>(
    signal: AbortSignal | undefined,
    send: (client: OpenAI, signal: AbortSignal) => { asResponse(): Promise<Response> },
    read: (object: JsonObject) => T,
  ): Promise<Call<T>> =>
    call(signal, async ({ connection, signal }) => {
      const { text } = await readText(await send(connection.client, signal).asResponse(), reading);
      return read(scrubbed(jsonObjectIn(text), scrubber));
    });

  return {
    namespace: resolved.namespace,
    simulated: false,

    async upload({ path, filename }, signal) {
      const { blob, bytes } = await localFile(path);
      // Backed by the file on disk, and streamed with its length.
      const file = new File([blob], filename, { type: "application/jsonl" });
      const timeout = Math.ceil(timeoutMs + bytes / SLOWEST_UPLOAD_BYTES_PER_MS);
      // Wherever fetch might have to look at a redirect itself, it keeps a second copy of the whole body.
      const fetchOptions = { redirect: "error" } as const;
      // Its size is not compared: a gateway that rewrites the file reports another (seen with LiteLLM).
      return ask(
        signal,
        ({ files }, signal) => files.create({ file, purpose: "batch" }, { signal, timeout, fetchOptions }),
        remoteFile,
      );
    },

    createBatch({ inputFileId: input_file_id, endpoint, metadata }, signal) {
      const body = { input_file_id, endpoint, completion_window: "24h" as const, metadata: { ...metadata } };
      return ask(signal, ({ batches }, signal) => batches.create(body, { signal }), remoteBatch);
    },

    retrieveBatch: (id, signal) =>
      ask(
        signal,
        ({ batches }, signal) => batches.retrieve(id, { signal }),
        (object) => {
          const batch = remoteBatch(object);
          if (batch.id !== id) throw new BadAnswer(`asked for batch ${id}, got ${batch.id}`);
          return batch;
        },
      ),

    listBatches: (query, signal) =>
      ask(
        signal,
        ({ batches }, signal) => batches.list(query, { signal }),
        (object) => page(object, remoteBatch, query.limit),
      ),

    listFiles: (query, signal) =>
      ask(
        signal,
        ({ files }, signal) => files.list({ ...query, purpose: "batch", order: "desc" }, { signal }),
        (object) => page(object, remoteFile, query.limit),
      ),

    cancelBatch: (id, signal) => ask(signal, ({ batches }, signal) => batches.cancel(id, { signal }), remoteBatch),

    download: (fileId, destination, longest, signal) =>
      call(signal, async ({ connection, signal }) => {
        const response = await content(connection, fileId, signal);
        return await saveBody(response, destination, longest, reading).catch((error: unknown) => {
          const problem = problemOfErrno(error, destination);
          throw problem === undefined ? error : new ProblemError(problem);
        });
      }),

    answer: ({ url, body }, signal) =>
      call<DirectAnswer>(
        signal,
        async ({ connection, signal }) => {
          const path = url.replace(/^\/v1/, "");
          const response = await connection.client.post(path, { body, signal }).asResponse();
          const raw = await readText(response, reading);
          // Checked, not rewritten: the text goes to the store as it came.
          jsonObjectIn(raw.text);
          return directAnswer(response.status, raw, response.headers, scrubber);
        },
        (error, failure, { sdk, rawErrors }) => {
          // A refusal of this one request is its answer. Rejected keys, rate limits and 5xx say nothing about the request.
          if (failure.kind !== "refused" && failure.kind !== "not-found") return undefined;
          if (!(error instanceof sdk.APIError) || error.headers === undefined) return undefined;
          if (error.status === undefined || error.status < 400 || error.status === 429) return undefined;
          if (!isJsonObject(error.error)) return undefined; // a page by something in between
          const raw = rawErrors.get(error.headers);
          return raw === undefined ? undefined : directAnswer(error.status, raw, error.headers, scrubber);
        },
      ),

    serverNow: () => (serverTime === null ? null : serverTime.at + performance.now() - serverTime.seen),

    close: () => Promise.resolve(),
  };
}

async function localFile(path: string): Promise<{ readonly blob: Blob; readonly bytes: number }> {
  try {
    const { size } = await stat(path);
    return { blob: await openAsBlob(path), bytes: size };
  } catch (error) {
    const problem = problemOfErrno(error, path);
    throw problem === undefined ? error : new ProblemError(problem);
  }
}

function directAnswer(status: number, raw: BodyText, headers: Headers, scrubber: Scrubber): DirectAnswer {
  const resets = [
    durationMs(headers.get("x-ratelimit-reset-requests")),
    durationMs(headers.get("x-ratelimit-reset-tokens")),
    retryAfterMs(headers),
  ].filter((value) => value !== null);
  const requestId = headers.get("x-request-id");
  return {
    status,
    bodyText: raw.text,
    masked: raw.masked,
    requestId: requestId === null ? null : scrubber.text(requestId),
    remaining: {
      requests: count(headers.get("x-ratelimit-remaining-requests")),
      tokens: count(headers.get("x-ratelimit-remaining-tokens")),
      resetMs: resets.length === 0 ? null : Math.max(...resets),
    },
  };
}

function count(text: string | null): number | null {
  return text !== null && /^\d+$/.test(text.trim()) ? Number(text) : null;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `120ms`, `1.5s`, `6m0s`, `1h2m3s` (the API's way to write a duration), in milliseconds. */
export function durationMs(text: string | null): number | null {
  if (text === null || !/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(text.trim())) return null;
  let total = 0;
  for (const match of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? 0);
  }
  return Math.ceil(total);
}
