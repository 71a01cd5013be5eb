import { ProblemError } from "../../graph/problem.ts";

const DEFAULT_BASE_URL = "https://api.openai.com/v1";
/** The namespace of OpenAI's own address, without an organisation or a project. */
export const DEFAULT_NAMESPACE = "openai:api.openai.com:-:-";
const DEFAULT_TIMEOUT_MS = 600_000;
const DEFAULT_IDLE_TIMEOUT_MS = 60_000;

/** What it takes to talk to an OpenAI-compatible API. The key stays in memory: it is in no namespace, message or file. */
export interface OpenAiSettings {
  readonly apiKey: string;
  /** With its `/v1`, as the official client takes it. */
  readonly baseUrl?: string | undefined;
  readonly organisation?: string | undefined;
  readonly project?: string | undefined;
  /** How long to wait for the first byte of an answer; uploads get more, by their size. */
  readonly timeoutMs?: number | undefined;
  /** How long a body may stay silent before it counts as torn. */
  readonly idleTimeoutMs?: number | undefined;
}

/** Settings with every default filled in. */
export type ResolvedSettings = Readonly<ReturnType<typeof resolveSettings>>;

/**
 * Settings from the variables that OpenAI's own tools read: `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `OPENAI_ORG_ID`,
 * `OPENAI_PROJECT_ID`. Empty strings count as unset. Undefined when there is no key.
 */
export function openAiSettingsFromEnv(env: Readonly<Record<string, string | undefined>>): OpenAiSettings | undefined {
  const apiKey = filled(env["OPENAI_API_KEY"]);
  if (apiKey === undefined) return undefined;
  return {
    apiKey,
    baseUrl: filled(env["OPENAI_BASE_URL"]),
    organisation: filled(env["OPENAI_ORG_ID"]),
    project: filled(env["OPENAI_PROJECT_ID"]),
  };
}

/**
 * Fills in defaults and names the name space: `openai:<host[:port]/path without /v1>:<org or ->:<project or ->`.
 * Throws a ProblemError (`config`) for a base URL that is none, or that carries a password, and for a key, organisation or
 * project that no header can carry.
 */
export function resolveSettings(settings: OpenAiSettings) {
  const baseUrl = (filled(settings.baseUrl) ?? DEFAULT_BASE_URL).replace(/\/+$/, "");
  const url = checkedUrl(baseUrl);
  const organisation = filled(settings.organisation) ?? null;
  const project = filled(settings.project) ?? null;
  const apiKey = headerWord("OPENAI_API_KEY", settings.apiKey.trim());
  if (organisation !== null) headerWord("OPENAI_ORG_ID", organisation);
  if (project !== null) headerWord("OPENAI_PROJECT_ID", project);
  const path = url.pathname.replace(/\/+$/, "").replace(/\/v1$/, "");
  return {
    apiKey,
    baseUrl,
    organisation,
    project,
    timeoutMs: settings.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    idleTimeoutMs: settings.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS,
    namespace: { kind: "openai" as const, id: `openai:${url.host}${path}:${organisation ?? "-"}:${project ?? "-"}` },
  };
}

/** What goes into a header as one word. What was found is not shown: it may be the key, or two of them. */
function headerWord(name: string, word: string): string {
  const at = word.search(/[^\u0021-\u007e]/);
  if (at === -1) return word;
  const [, what] = NOT_IN_A_WORD.find(([pattern]) => pattern.test(word.charAt(at))) ?? [];
  const message = `expected one word of printable ASCII characters, found ${what ?? ""} after ${at} of them.`;
  const fix = "Set it anew; something else was probably copied along with it.";
  throw new ProblemError({ kind: "config", where: name, message, fix });
}

const NOT_IN_A_WORD: readonly (readonly [RegExp, string])[] = [
  [/[\r\n]/, "a line break"],
  [/ /, "a blank"],
  [/\p{ASCII}/u, "a control character"],
  [/\P{ASCII}/u, "a character that is not ASCII"],
];

function checkedUrl(text: string): URL {
  const problem = (message: string, fix: string) =>
    new ProblemError({ kind: "config", where: "OPENAI_BASE_URL", message, fix });
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw problem(
      "expected an http(s) address such as https://api.openai.com/v1, and found something else.",
      "Correct it, or unset it for OpenAI's own address.",
    );
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw problem(
      "it carries a user name, a password, a query or a fragment, which the client would drop or refuse.",
      "Leave only scheme, host, port and path; the key belongs in OPENAI_API_KEY.",
    );
  }
  return url;
}

function filled(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed === "" ? undefined : trimmed;
}
