import { BadAnswer, NeverConnected, neverConnectedReason } from "./failures.ts";
import type { ResolvedSettings } from "./settings.ts";

const MOST_HOPS = 5;

/** Where an answer sends its reader, or null when it does not. */
export function redirectOf(status: number | undefined, headers: Headers | undefined): string | null {
  return status !== undefined && [301, 302, 303, 307, 308].includes(status) ? (headers?.get("location") ?? null) : null;
}

/**
 * Reads what a server redirects a download to. The key goes to the API's own origin only, and no error names the
 * address: such addresses are signed, and whoever reads one may read the file.
 * Throws BadAnswer where it leads nowhere, NeverConnected when there is no connection.
 */
export async function followRedirects(first: URL, settings: ResolvedSettings, signal: AbortSignal): Promise<Response> {
  const home = new URL(settings.baseUrl).origin;
  let url = first;
  for (let hops = 0; hops < MOST_HOPS; hops++) {
    if (url.protocol !== "https:" && url.protocol !== "http:")
      throw new BadAnswer("redirected to what is no web address");
    const headers: Record<string, string> = url.origin === home ? { authorization: `Bearer ${settings.apiKey}` } : {};
    const response = await headersOf(url, headers, settings.timeoutMs, signal);
    const to = redirectOf(response.status, response.headers);
    if (to === null) {
      if (response.ok) return response;
      await response.body?.cancel().catch(() => undefined);
      throw new BadAnswer(`${url.host}, to which the download was redirected, answered ${response.status}`);
    }
    await response.body?.cancel().catch(() => undefined);
    url = resolvedUrl(to, url.href);
  }
  throw new BadAnswer(`redirected more than ${MOST_HOPS} times`);
}

/** A redirect's target. Throws BadAnswer where it is no address. */
export function resolvedUrl(to: string, from: string): URL {
  if (!URL.canParse(to, from)) throw new BadAnswer("redirected to what is no web address");
  return new URL(to, from);
}

/** An answer up to its headers; its body is held to the idle time-out of whoever reads it. */
async function headersOf(
  url: URL,
  headers: Readonly<Record<string, string>>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs);
  try {
    return await fetch(url, { redirect: "manual", signal: AbortSignal.any([signal, late.signal]), headers });
  } catch (error) {
    if (signal.aborted) throw error;
    throw neverConnectedReason(error) === undefined
      ? new BadAnswer(`no answer from ${url.host}, to which the download was redirected`)
      : new NeverConnected(`could not reach ${url.host}, to which the download was redirected`);
  } finally {
    clearTimeout(timer);
  }
}
