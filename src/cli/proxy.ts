import type { BuildEvent } from "../engine/events.ts";

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
