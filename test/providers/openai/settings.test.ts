import { describe, expect, it } from "vitest";
import { ProblemError } from "../../../src/graph/problem.ts";
import { retryAfterMs } from "../../../src/providers/openai/failures.ts";
import { durationMs } from "../../../src/providers/openai/provider.ts";
import { openAiSettingsFromEnv, resolveSettings } from "../../../src/providers/openai/settings.ts";

describe("settings from the environment", () => {
  it("are undefined without a key, and an empty string is none", () => {
    expect(openAiSettingsFromEnv({})).toBeUndefined();
    expect(openAiSettingsFromEnv({ OPENAI_API_KEY: "  ", OPENAI_BASE_URL: "http://x" })).toBeUndefined();
  });

  it("take the four variables, leaving empty ones out", () => {
    const env = { OPENAI_API_KEY: "k", OPENAI_BASE_URL: "", OPENAI_ORG_ID: "org-1", OPENAI_PROJECT_ID: "proj_2" };
    expect(openAiSettingsFromEnv(env)).toEqual({ apiKey: "k", organisation: "org-1", project: "proj_2" });
  });
});

describe("a key that no header can carry", () => {
  it.each([
    ["sk-proj-abcdef\nGHIJKL", "a line break after 14"],
    ["sk-proj-abc\u001b[2J", "a control character after 11"],
    ["sk-proj-abc sk-proj-def", "a blank after 11"],
    ["sk-proj-\u2019abc", "a character that is not ASCII after 8"],
  ])("%j is refused without being shown", (apiKey, found) => {
    const open = () => resolveSettings({ apiKey });
    expect(open).toThrow(found);
    expect(open).not.toThrow(/sk-proj|abc/);
    expect(() => resolveSettings({ apiKey: "sk-abc", organisation: apiKey })).toThrow("OPENAI_ORG_ID");
  });

  it("may end in a line break, as a key read from a file does", () => {
    expect(resolveSettings({ apiKey: "sk-abc\n" }).apiKey).toBe("sk-abc");
  });
});

describe("the name space", () => {
  it.each([
    [{}, "openai:api.openai.com:-:-"],
    [{ organisation: "org-1", project: "proj_2" }, "openai:api.openai.com:org-1:proj_2"],
    [{ baseUrl: "https://API.openai.com:443/v1/" }, "openai:api.openai.com:-:-"],
    [{ baseUrl: "http://127.0.0.1:8080/proxy/v1" }, "openai:127.0.0.1:8080/proxy:-:-"],
    [{ baseUrl: "http://127.0.0.1:8080" }, "openai:127.0.0.1:8080:-:-"],
  ])("of %j is %s", (settings, id) => {
    expect(resolveSettings({ apiKey: "secret-key", ...settings }).namespace).toEqual({ kind: "openai", id });
  });

  it.each([
    "not a url",
    "ftp://example.org/v1",
    "https://user:hunter2@example.org/v1",
    "https://example.org/v1?key=hunter2",
  ])("refuses %s without repeating it", (baseUrl) => {
    const open = () => resolveSettings({ apiKey: "k", baseUrl });
    expect(open).toThrow(ProblemError);
    expect(open).not.toThrow(/hunter2/);
  });
});

describe("waiting times", () => {
  const now = Date.parse("2026-11-22T12:00:00Z");
  it.each([
    [{ "retry-after": "7" }, 7000],
    [{ "retry-after": "0.25" }, 250],
    [{ "retry-after-ms": "1500", "retry-after": "9" }, 1500],
    [{ "retry-after": "Sun, 22 Nov 2026 12:00:30 GMT" }, 30_000],
    [{ "retry-after": "Sun, 22 Nov 2026 11:00:00 GMT" }, 0],
    [{ "retry-after": "soon" }, null],
    [{}, null],
  ])("%j means %s ms", (headers, expected) => {
    expect(retryAfterMs(new Headers(Object.entries(headers)), now)).toBe(expected);
  });

  it.each([
    ["120ms", 120],
    ["6m0s", 360_000],
    ["1h2m3s", 3_723_000],
    ["1.5s", 1500],
    ["", null],
    ["7", null],
  ])("a limit that resets in %j resets in %s ms", (text, expected) => {
    expect(durationMs(text)).toBe(expected);
  });
});
