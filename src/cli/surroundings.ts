import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { carriedBuild } from "../engine/carried.ts";
import type { Clock } from "../engine/ports.ts";
import type { BuildEvent } from "../events/schema.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";

/* Where dsgen runs: its own package, the time, and what the environment says. */

/** The folder of dsgen's own package.json, above this module, compiled or not. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    if (folder === dirname(folder)) throw new Error("dsgen's own package.json is missing");
    folder = dirname(folder);
  }
  return folder;
}

export function packageVersion(): string {
  const version = packageManifest()["version"];
  if (typeof version !== "string") throw new Error("dsgen's own package.json has no version");
  return version;
}

/** Which dsgen this is: two that say the same make the same of the same. */
export function dsgenBuild(): string {
  return carriedBuild() ?? `${packageVersion()}, from single files`;
}

/** The oldest Node that dsgen runs on: `20.19`. */
export function leastNode(): string {
  const engines = packageManifest()["engines"];
  const least = isJsonObject(engines) ? /^>=([\d.]+)$/.exec(String(engines["node"]))?.[1] : undefined;
  if (least === undefined) throw new Error("dsgen's own package.json names no oldest Node");
  return least;
}

function packageManifest(): JsonObject {
  const manifest: unknown = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8"));
  return isJsonObject(manifest) ? manifest : {};
}

/** Real time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  // `performance` takes as long to load as a tenth of Node.
  monotonic: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1000 + nanoseconds / 1e6;
  },
  sleep: (milliseconds, signal) =>
    new Promise((resolvePromise) => {
      if (signal?.aborted === true) return resolvePromise();
      const finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolvePromise();
      };
      const timer = setTimeout(finish, milliseconds);
      signal?.addEventListener("abort", finish);
    }),
};

/** True where a machine runs this for nobody in particular: `CI` is set, and not to `false`, `0` or nothing. */
export function inCi(env: NodeJS.ProcessEnv): boolean {
  return !["", "0", "false"].includes((env["CI"] ?? "").trim().toLowerCase());
}

/** Whether CI runs this for a change that nobody has taken in yet: what it sends was perhaps written by a stranger. */
export function inPullRequest(env: NodeJS.ProcessEnv): boolean {
  if (!inCi(env)) return false;
  const events = ["GITHUB_EVENT_NAME", "CI_PIPELINE_SOURCE", "BUILD_REASON"].map((name) => env[name] ?? "");
  const numbers = ["CI_MERGE_REQUEST_IID", "BUILDKITE_PULL_REQUEST", "TRAVIS_PULL_REQUEST", "CIRCLE_PULL_REQUEST"];
  return (
    events.some((event) => /pull_?request|merge_request/i.test(event)) ||
    numbers.some((name) => !["", "false"].includes(env[name] ?? ""))
  );
}

/**
 * Told when the surroundings name a proxy for the provider's address that will not be used: Node's fetch passes it by, unless
 * a later Node is told to heed such variables. The proxy's address is not shown, since it may carry a password.
 */
export function ignoredProxyNotice(
  env: NodeJS.ProcessEnv,
  nodeVersion: string = process.versions.node,
): BuildEvent | undefined {
  const base = env["OPENAI_BASE_URL"]?.trim() || "https://api.openai.com/v1";
  if (!URL.canParse(base)) return undefined;
  const { protocol, hostname } = new URL(base);
  const names = protocol === "https:" ? ["HTTPS_PROXY", "https_proxy"] : ["HTTP_PROXY", "http_proxy"];
  const name = names.find((one) => (env[one] ?? "").trim() !== "");
  if (name === undefined || isExempt(hostname, env["NO_PROXY"] ?? env["no_proxy"] ?? "")) return undefined;
  const heeded = Number(nodeVersion.split(".")[0]) >= 24 && env["NODE_USE_ENV_PROXY"] === "1";
  if (heeded) return undefined;
  return {
    type: "notice",
    level: "warning",
    code: "proxy-ignored",
    message: `${name} is set and is not used: ${hostname} is called directly. Node 24 heeds it with NODE_USE_ENV_PROXY=1; list the host in NO_PROXY to silence this.`,
  };
}

/** `NO_PROXY`: hosts, and domains with all below them, between commas; `*` is every host. */
function isExempt(hostname: string, list: string): boolean {
  return list
    .split(/[\s,]+/)
    .map((entry) =>
      entry
        .replace(/^\*?\./, "")
        .replace(/:\d+$/, "")
        .toLowerCase(),
    )
    .some((entry) => entry !== "" && (entry === "*" || hostname === entry || hostname.endsWith(`.${entry}`)));
}
