import { request as forward } from "node:http";
import type { Remote, Reply } from "../../../src/remote/remote.ts";
import { bodyOf, listening } from "./servers.ts";

/* What goes wrong between dsgen and a shared cache. */

export const FAULTS = ["torn", "500", "503", "lost-put", "stale-list", "slow", "gone"] as const;
export type Fault = (typeof FAULTS)[number];

/** How often a fault strikes, until it is over. */
export interface Trouble {
  fault: Fault | undefined;
  left: number;
}

/** Whether a fault strikes this call; those of puts and lists strike these alone. */
function strikes(trouble: Trouble, call: "put" | "get" | "list" | "other"): Fault | undefined {
  const { fault } = trouble;
  const fits =
    fault === "lost-put"
      ? call === "put"
      : fault === "stale-list"
        ? call === "list"
        : fault !== "torn" || call === "get";
  if (fault === undefined || trouble.left <= 0 || !fits) return undefined;
  trouble.left--;
  return fault;
}

/** A proxy in front of a server of files or of S3. */
export async function troubled(url: string, trouble: Trouble) {
  return listening(async (asked, answer) => {
    const body = await bodyOf(asked);
    const path = asked.url ?? "/";
    const isList = asked.method === "GET" && (path.includes("list-type") || /\/(\?|$)/.test(path));
    const call = asked.method === "PUT" ? "put" : isList ? "list" : asked.method === "GET" ? "get" : "other";
    const fault = strikes(trouble, call);
    if (fault === "500") return answer.writeHead(500).end("<Error><Code>InternalError</Code></Error>");
    if (fault === "503") return answer.writeHead(503, { "retry-after": "2" }).end();
    if (fault === "gone") return asked.socket.destroy();
    if (fault === "slow") return;
    const { host } = new URL(url);
    // Signed with the name of this server: the other one checks it.
    const passed = forward(`${url}${path}`, {
      method: asked.method,
      headers: { ...asked.headers, host: asked.headers.host ?? host },
    });
    passed.on("response", async (reply) => {
      const content = await bodyOf(reply);
      if (fault === "lost-put") return asked.socket.destroy();
      answer.writeHead(reply.statusCode ?? 500, { ...reply.headers, connection: "close" });
      if (fault === "torn") {
        answer.write(content.subarray(0, content.length >> 1));
        return setTimeout(() => asked.socket.destroy(), 5);
      }
      const stale = fault === "stale-list" ? staleList(content) : content;
      return answer.end(asked.method === "HEAD" ? undefined : stale);
    });
    return passed.end(body);
  });
}

/** As many bytes that name nothing, so that lengths stay right. */
function staleList(content: Buffer): Buffer {
  const empty = content.toString("latin1").startsWith("[") ? "[]" : "<ListBucketResult></ListBucketResult>";
  return Buffer.from(empty.padEnd(content.length).slice(0, Math.max(empty.length, content.length)));
}

/** The same for a folder, whose calls go through no connection. */
export function troubledFolder(folder: Remote, trouble: Trouble): Remote {
  const failing = <T>(message: string, retryAfterMs?: number): Awaited<Reply<T>> => ({
    ok: false,
    error: {
      kind: retryAfterMs === undefined ? "gone" : "busy",
      message,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  });
  async function through<T>(
    kind: "put" | "get" | "list" | "other",
    work: () => Reply<T>,
    spoiled?: () => Reply<T>,
  ): Reply<T> {
    const fault = strikes(trouble, kind);
    switch (fault) {
      case undefined:
        return work();
      case "slow":
        return new Promise(() => undefined);
      case "503":
        return failing("the file system answered EAGAIN", 2000);
      case "lost-put": {
        const put = await work();
        return put.ok && put.value === "there" ? put : failing("the file system answered EIO");
      }
      case "stale-list":
        return spoiled === undefined ? work() : spoiled();
      case "torn":
      case "500":
      case "gone":
        return failing("the file system answered EIO");
    }
  }
  return {
    label: folder.label,
    has: (name, signal) => through("other", () => folder.has(name, signal)),
    get: (name, signal) => through("get", () => folder.get(name, signal)),
    putIfAbsent: (name, bytes, signal) => through("put", () => folder.putIfAbsent(name, bytes, signal)),
    list: (name, signal) =>
      through(
        "list",
        () => folder.list(name, signal),
        () => Promise.resolve({ ok: true, value: [] }),
      ),
    entries: (name, signal) => through("list", () => folder.entries(name, signal)),
    remove: (name, signal) => through("other", () => folder.remove(name, signal)),
    excludes: (signal) => through("other", () => folder.excludes(signal)),
  };
}
