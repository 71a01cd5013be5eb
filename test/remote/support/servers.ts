import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

/* Small servers for shared caches, over a map: as strict as real ones where dsgen hangs on it. */

export interface Served {
  readonly url: string;
  readonly stored: Map<string, Buffer>;
  /** Everything that it was sent: request lines, headers and bodies. */
  readonly received: Buffer[];
  close(): Promise<void>;
}

export const TOKEN = "token-9d1c";
export const AWS_TEST = {
  accessKeyId: "AKIDTEST",
  secretAccessKey: "secret/test+key",
  sessionToken: "session+token==",
};

export async function listening(listener: RequestListener, stored = new Map<string, Buffer>()): Promise<Served> {
  const received: Buffer[] = [];
  const server = createServer((request, response) => {
    received.push(Buffer.from(`${request.method} ${request.url}\n${request.rawHeaders.join("\n")}\n`));
    request.on("data", (chunk: Buffer) => received.push(chunk));
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stored,
    received,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * GET, HEAD and PUT behind a bearer token; folders as nginx lists them.
 * @param heeds whether a put under a condition is one: nginx heeds none
 */
export function serveFiles(heeds = true): Promise<Served> {
  const stored = new Map<string, Buffer>();
  return listening(async (request, response) => {
    const body = await bodyOf(request);
    const path = new URL(request.url ?? "/", "http://any").pathname.slice(1);
    const end = (status: number, content: string | Buffer = "") => response.writeHead(status).end(content);
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return end(401);
    if (request.method === "PUT") {
      if (heeds && stored.has(path) && request.headers["if-none-match"] === "*") return end(412);
      stored.set(path, body);
      return end(201);
    }
    if (request.method === "DELETE") return end(stored.delete(path) ? 204 : 404);
    if (path.endsWith("/")) {
      const below = [...stored.keys()].filter((name) => name.startsWith(path)).map((name) => name.slice(path.length));
      if (below.length === 0) return end(404);
      const folders = below.flatMap((name) => (name.includes("/") ? [name.split("/")[0]] : []));
      const entries = [
        ...[...new Set(folders)].map((name) => ({ name, type: "directory" })),
        ...below
          .filter((name) => !name.includes("/"))
          .map((name) => ({
            name,
            type: "file",
            size: stored.get(path + name)?.length,
            mtime: new Date().toUTCString(),
          })),
      ];
      return end(200, JSON.stringify(entries));
    }
    const content = stored.get(path);
    if (content === undefined) return end(404);
    response.writeHead(200, { "content-length": content.length });
    return response.end(request.method === "HEAD" ? undefined : content);
  }, stored);
}

const sha = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** Whether a request is signed as AWS's fourth version says, worked out here from its specification. */
function isSigned(request: IncomingMessage, url: URL): boolean {
  const [, scope = "", names = "", signature = ""] =
    /^AWS4-HMAC-SHA256 Credential=[^/]+\/(\S+), SignedHeaders=(\S+), Signature=(\w+)$/.exec(
      request.headers.authorization ?? "",
    ) ?? [];
  const [day = "", region = "", service = ""] = scope.split("/");
  const query = [...url.searchParams].map(([key, value]) => `${encode(key)}=${encode(value)}`).sort();
  const headers = names.split(";").map((name) => `${name}:${String(request.headers[name] ?? "").trim()}\n`);
  const path = decodeURIComponent(url.pathname).split("/").map(encode).join("/");
  const hash = String(request.headers["x-amz-content-sha256"]);
  const canonical = [request.method, path, query.join("&"), headers.join(""), names, hash].join("\n");
  const text = ["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, sha(canonical)].join("\n");
  const key = [day, region, service, "aws4_request"].reduce<string | Buffer>(hmac, `AWS4${AWS_TEST.secretAccessKey}`);
  return createHmac("sha256", key).update(text).digest("hex") === signature && names.includes("x-amz-content-sha256");
}

const xml = (text: string) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/'/g, "&apos;");
/** Few, so that lists have pages. */
const PAGE = 3;

/** One bucket, `bucket`, by path. */
export function serveS3(): Promise<Served> {
  const stored = new Map<string, Buffer>();
  return listening(async (request, response) => {
    const body = await bodyOf(request);
    const url = new URL(request.url ?? "/", "http://any");
    const end = (status: number, code = "") =>
      response.writeHead(status).end(code === "" ? "" : `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
    if (!isSigned(request, url)) return end(403, "SignatureDoesNotMatch");
    if (request.headers["x-amz-security-token"] !== AWS_TEST.sessionToken) return end(403, "AccessDenied");
    if (request.headers["x-amz-content-sha256"] !== sha(body)) return end(400, "XAmzContentSHA256Mismatch");
    const [, bucket, key = ""] = /^\/([^/]+)\/?(.*)$/.exec(decodeURIComponent(url.pathname)) ?? [];
    if (bucket !== "bucket") return end(404, "NoSuchBucket");
    if (request.method === "PUT") {
      if (stored.has(key) && request.headers["if-none-match"] === "*") return end(412, "PreconditionFailed");
      stored.set(key, body);
      return end(200);
    }
    if (request.method === "DELETE") {
      stored.delete(key);
      return end(204);
    }
    if (key === "") {
      const from = url.searchParams.get("continuation-token") ?? "";
      const prefix = url.searchParams.get("prefix") ?? "";
      const keys = [...stored.keys()].filter((name) => name.startsWith(prefix) && name > from).sort();
      const page = keys.slice(0, PAGE);
      const next = keys.length > PAGE ? `<NextContinuationToken>${xml(page.at(-1) ?? "")}</NextContinuationToken>` : "";
      const contents = page
        .map(
          (name) =>
            `<Contents><Key>${xml(name)}</Key><LastModified>${new Date().toISOString()}</LastModified><Size>${stored.get(name)?.length}</Size></Contents>`,
        )
        .join("");
      return response.writeHead(200).end(`<ListBucketResult>${contents}${next}</ListBucketResult>`);
    }
    const content = stored.get(key);
    if (content === undefined) return end(404, request.method === "HEAD" ? "" : "NoSuchKey");
    response.writeHead(200, { "content-length": content.length });
    return response.end(request.method === "HEAD" ? undefined : content);
  }, stored);
}
