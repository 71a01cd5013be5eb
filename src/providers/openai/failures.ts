import type * as Sdk from "openai";
import type { ProviderError } from "../../batch/provider.ts";
import { isJsonObject } from "../../graph/json.ts";
import type { Scrubber } from "./scrub.ts";

/** The SDK's module, imported on the first call: loading it takes longer than a whole null build. */
export type SdkModule = typeof Sdk;

/**
 * Thrown in place of a network error that came before the connection stood: nothing was sent. The reason is kept out of
 * the message because the SDK takes any error that speaks of a time-out for its general time-out, which proves nothing.
 */
export class NeverConnected extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super("no connection");
    this.name = "NeverConnected";
    this.reason = reason;
  }
}

/** A body that ended early, stayed silent too long, or is not what the API sends. Always `ambiguous`. */
export class BadAnswer extends Error {
  constructor(message: string) {
    super(message);
    this.name = "BadAnswer";
  }
}

const TLS_CODES = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "EPROTO",
]);

/**
 * The reason, when this network error proves that no connection was made: name resolution, connect(2), its time-out, or
 * the TLS handshake. A reset is not among them: by then bytes may have been read.
 */
export function neverConnectedReason(error: unknown): string | undefined {
  for (const link of causes(error)) {
    const code = field(link, "code");
    const syscall = field(link, "syscall");
    if (link instanceof AggregateError && link.errors.length > 0) {
      const reasons = link.errors.map((inner: unknown) => neverConnectedReason(inner));
      return reasons.every((reason) => reason !== undefined) ? reasons[0] : undefined;
    }
    if (syscall === "connect" || syscall === "getaddrinfo") return `${code ?? "connection failed"} (${link.message})`;
    if (code === "UND_ERR_CONNECT_TIMEOUT") return `the connection timed out (${link.message})`;
    if (code !== undefined && TLS_CODES.has(code)) return `the TLS handshake failed (${code})`;
    if (link.message === "bad port") return "the port is one that HTTP clients refuse to call";
  }
  return undefined;
}

/**
 * What a failed call proves. Returns undefined for an error that is none of the API's or the network's: a bug or the
 * local disk, which the caller rethrows.
 */
export function providerErrorOf(
  error: unknown,
  { sdk, scrubber, aborted }: { readonly sdk: SdkModule; readonly scrubber: Scrubber; readonly aborted: boolean },
): ProviderError | undefined {
  const said = (text: string) => brief(scrubber.message(text));
  if (aborted || error instanceof sdk.APIUserAbortError) return { kind: "aborted" };
  for (const link of causes(error)) {
    if (link instanceof NeverConnected) return { kind: "unreachable", message: said(link.reason) };
    if (link instanceof BadAnswer) return { kind: "ambiguous", message: said(link.message) };
  }
  if (error instanceof sdk.APIConnectionTimeoutError) {
    return { kind: "ambiguous", message: "no answer came in time" };
  }
  if (error instanceof sdk.APIConnectionError) return { kind: "ambiguous", message: said(describeCauses(error)) };
  if (!(error instanceof sdk.APIError) || typeof error.status !== "number") return undefined;
  const code = typeof error.code === "string" ? error.code : null;
  // `{"error": {…}}` comes from the API and not from something in between.
  const apiShaped = isJsonObject(error.error);
  return statusError(error.status, code, said(error.message), apiShaped, error.headers ?? new Headers());
}

function statusError(
  status: number,
  code: string | null,
  message: string,
  apiShaped: boolean,
  headers: Headers,
): ProviderError {
  switch (status) {
    case 401:
    case 403:
      return { kind: "auth", status, message };
    case 404:
      // A gateway's own 404 page says nothing about our batch: taking it for "gone" would buy the batch again.
      if (apiShaped) return { kind: "not-found", message };
      return {
        kind: "refused",
        status,
        code,
        message: `${message} (not the API's own answer; is the base URL right?)`,
      };
    case 408: // a proxy's word for "I gave up waiting": the server behind it may have acted
    case 302: // historically also "done, look there"
    case 303:
      return { kind: "ambiguous", message };
    case 429:
      // No waiting helps an account without credit.
      if (code === "insufficient_quota") return { kind: "refused", status, code, message };
      return { kind: "rate-limited", retryAfterMs: retryAfterMs(headers), message };
    default:
      if (status >= 500) return { kind: "ambiguous", message };
      if (status >= 300 && status < 400) {
        // Where to is not said: such addresses carry signatures.
        return { kind: "refused", status, code, message: `${message}: redirected elsewhere` };
      }
      return { kind: "refused", status, code, message };
  }
}

/** How long a 429 asks us to wait: `retry-after-ms`, else `retry-after` in seconds or as an HTTP date; null when unsaid. */
export function retryAfterMs(headers: Headers, now = Date.now()): number | null {
  const milliseconds = numberIn(headers.get("retry-after-ms"));
  if (milliseconds !== null) return Math.max(0, Math.ceil(milliseconds));
  const text = headers.get("retry-after");
  const seconds = numberIn(text);
  if (seconds !== null) return Math.max(0, Math.ceil(seconds * 1000));
  const date = text === null ? Number.NaN : Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

function numberIn(text: string | null): number | null {
  return text !== null && /^\s*-?\d+(\.\d+)?\s*$/.test(text) ? Number(text) : null;
}

/** An error and its causes, outermost first; bounded, for causes may be circular. */
function causes(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let link = error; link instanceof Error && chain.length < 8; link = link.cause) chain.push(link);
  return chain;
}

function describeCauses(error: Error): string {
  const parts = causes(error).map((link) => {
    const code = field(link, "code");
    return code === undefined || link.message.includes(code) ? link.message : `${link.message} (${code})`;
  });
  return [...new Set(parts)].join(": ");
}

function field(error: Error, name: "code" | "syscall"): string | undefined {
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" ? value : undefined;
}

/** One line of bounded length without its full stop: an HTML page is no message, and messages are put into sentences. */
function brief(text: string): string {
  const line = text.replace(/\s+/g, " ").trim().replace(/\.$/, "");
  return line.length > 400 ? `${line.slice(0, 400)}…` : line;
}
