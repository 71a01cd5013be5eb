import { digestOf } from "../graph/digest.ts";
import { err, ok } from "../graph/result.ts";
import type { AwsSettings } from "./aws.ts";
import { type Remote, type RemoteEntry, type Reply, TRIAL } from "./remote.ts";
import { contentOf, excludedBy, found, odd, putResult, removed, type WebReply, webCall } from "./web.ts";

export interface S3Place extends AwsSettings {
  readonly bucket: string;
  /** Before every name, with its `/`; or empty. */
  readonly prefix: string;
  /** `https://host/bucket/key` instead of `https://bucket.host/key`. */
  readonly pathStyle: boolean;
}

/**
 * A bucket of S3, or of a server that speaks its protocol. Each request is signed with its payload's hash, so that a body that
 * was changed on the way is refused. A put is under the condition that the name has nothing yet.
 */
export function s3Remote(place: S3Place, label: string): Remote {
  const base = baseOf(place);

  async function call(
    method: string,
    path: string,
    signal: AbortSignal,
    body?: Uint8Array,
    more = {},
  ): Reply<WebReply> {
    const { credentials, region } = place;
    const headers = { "x-amz-content-sha256": digestOf(body ?? ""), ...more };
    const asked = { method, headers, ...(body === undefined ? {} : { body }) };
    // A bucket that anybody may read asks for no signature.
    if (credentials === undefined) return unsigned(await webCall(new Request(base + path, asked), signal));
    const { AwsClient } = await import("aws4fetch");
    const client = new AwsClient({ ...credentials, region, service: "s3", retries: 0 });
    return webCall(await client.sign(base + path, asked), signal);
  }

  const pathOf = (name: string): string => (place.prefix + name).split("/").map(encodeURIComponent).join("/");
  const has: Remote["has"] = async (name, signal) => found(await call("HEAD", pathOf(name), signal), `HEAD ${name}`);

  return {
    label,
    has,
    get: async (name, signal) => contentOf(await call("GET", pathOf(name), signal), `GET ${name}`),
    async putIfAbsent(name, bytes, signal) {
      const there = await has(name, signal);
      if (!there.ok || there.value) return there.ok ? ok("there") : there;
      const put = (more: Record<string, string>) => call("PUT", pathOf(name), signal, bytes, more);
      const reply = await put({ "if-none-match": "*" });
      // Another put of this name is under way.
      if (reply.ok && reply.value.status === 409) return err({ kind: "busy", message: "status 409" });
      const unconditional = reply.ok && reply.value.status === 501;
      return putResult(unconditional ? await put({}) : reply, `PUT ${name}`);
    },
    async list(folder, signal) {
      const found = await entries(folder, signal);
      return found.ok ? ok(found.value.map(({ name }) => name)) : found;
    },
    entries,
    remove: async (name, signal) => removed(await call("DELETE", pathOf(name), signal), `DELETE ${name}`),
    excludes: (signal) =>
      excludedBy(() => call("PUT", pathOf(TRIAL.name), signal, TRIAL.content, { "if-none-match": "*" })),
  };

  async function entries(folder: string, signal: AbortSignal): Reply<readonly RemoteEntry[]> {
    const found: RemoteEntry[] = [];
    for (let token: string | undefined = ""; token !== undefined; ) {
      const query = new URLSearchParams({ "list-type": "2", prefix: `${place.prefix}${folder}/` });
      if (token !== "") query.set("continuation-token", token);
      const reply = await call("GET", `?${query.toString().replaceAll("+", "%20")}`, signal);
      if (!reply.ok) return reply;
      if (reply.value.status !== 200) return odd(reply.value, `the list of ${folder}`);
      const page = Buffer.from(reply.value.body).toString("utf8");
      for (const [, of = ""] of page.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
        const told = (tag: string) => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(of)?.[1];
        const key = textOf(told("Key") ?? "");
        const [written, size] = [Date.parse(told("LastModified") ?? ""), told("Size")];
        if (!key.startsWith(place.prefix)) continue;
        const name = key.slice(place.prefix.length);
        const bytes = size === undefined ? null : Number(size);
        found.push({ name, bytes, writtenAt: Number.isNaN(written) ? null : written });
      }
      const next = /<NextContinuationToken>([^<]*)<\/NextContinuationToken>/.exec(page)?.[1];
      token = next === undefined || next === "" || next === token ? undefined : textOf(next);
    }
    return ok(found.sort((a, b) => (a.name < b.name ? -1 : 1)));
  }
}

/** What a call without credentials came to. */
function unsigned(reply: Awaited<Reply<WebReply>>): Awaited<Reply<WebReply>> {
  if (reply.ok || reply.error.kind !== "denied") return reply;
  const message = `${reply.error.message}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws`;
  return err({ kind: "denied", message });
}

function baseOf({ endpoint, region, bucket, pathStyle }: S3Place): string {
  const url = new URL(endpoint ?? `https://s3.${region}.amazonaws.com`);
  if (!pathStyle) url.hostname = `${bucket}.${url.hostname}`;
  const path = url.pathname.replace(/\/+$/, "");
  return `${url.origin}${path}/${pathStyle ? `${bucket}/` : ""}`;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

/** A text of XML as it was meant. */
function textOf(xml: string): string {
  return xml.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    return String.fromCodePoint(decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal));
  });
}
