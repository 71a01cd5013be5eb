import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { bodyOf, listening } from "../remote/support/servers.ts";

/*
 * A small server of the hub's documented API for datasets: repos/create, preupload, Git LFS batch, commit (NDJSON), paths-info.
 * Large files are uploaded to an address of their own, without the token, as the hub has it done.
 */

export const HUB_TOKEN = "hf_sceneTokenThatOpensNothing";

export type HubFault =
  | "401"
  | "403"
  | "429-commit"
  | "500-once"
  | "500"
  | "404"
  | "412-commit"
  | "409-commit"
  | "torn-commit"
  | "lost-commit"
  | "reset-upload"
  | "created-meanwhile";

interface Stored {
  readonly size: number;
  readonly oid: string;
  readonly lfs?: { readonly oid: string; readonly size: number; readonly pointerSize: number };
}

export interface HubRepo {
  readonly visibility: string;
  readonly files: Map<string, Stored>;
  readonly commits: string[];
}

const LASTING: readonly HubFault[] = ["401", "403", "404", "500"];

export async function startHub() {
  const repos = new Map<string, HubRepo>();
  const large = new Map<string, Buffer>();
  const authorizations: { readonly url: string; readonly value: string | undefined }[] = [];
  let fault: HubFault | undefined;
  /** A fault strikes once, unless it lasts. */
  const strikes = (...faults: readonly HubFault[]): HubFault | undefined => {
    const found = faults.find((one) => one === fault);
    if (found !== undefined && !LASTING.includes(found)) fault = undefined;
    return found;
  };
  const json = (answer: ServerResponse, status: number, value: unknown) =>
    answer.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));

  const storage = await listening(async (asked, answer) => {
    authorizations.push({ url: `storage ${asked.url}`, value: asked.headers.authorization });
    const body = await bodyOf(asked);
    if (strikes("reset-upload") !== undefined) return asked.socket.destroy();
    const oid = (asked.url ?? "").slice(1);
    if (createHash("sha256").update(body).digest("hex") !== oid) return answer.writeHead(400).end();
    large.set(oid, body);
    return answer.writeHead(200).end();
  });

  const server = await listening(async (asked, answer) => {
    const url = decodeURIComponent(asked.url ?? "/");
    authorizations.push({ url, value: asked.headers.authorization });
    const text = (await bodyOf(asked)).toString("utf8");
    if (asked.headers.authorization !== `Bearer ${HUB_TOKEN}` || strikes("401"))
      return json(answer, 401, { error: "Invalid credentials in Authorization header" });
    if (asked.method !== "GET" && strikes("403"))
      return json(answer, 403, { error: "You don't have the rights to create a dataset under the namespace" });
    if (strikes("404")) return json(answer, 404, { error: "Organization not found" });
    if (strikes("500", "500-once")) return answer.writeHead(500).end("oh");
    if (url === "/api/repos/create") {
      const { name, organization, type, visibility } = JSON.parse(text);
      if (type !== "dataset") return json(answer, 400, { error: "not a dataset" });
      const repo = `${organization}/${name}`;
      const meanwhile = strikes("created-meanwhile") !== undefined;
      if (repos.has(repo) && !meanwhile) return json(answer, 409, { error: "You already created this dataset repo" });
      repos.set(repo, { visibility, files: new Map(), commits: [] });
      return meanwhile
        ? json(answer, 409, { error: "You already created this" })
        : json(answer, 200, { url: "", id: repo });
    }
    const [, name, call = ""] = /^\/(?:api\/)?datasets\/([\w.-]+\/[\w-]+)(?:\.git)?(.*)$/.exec(url) ?? [];
    const repo = repos.get(name ?? "");
    if (repo === undefined) return json(answer, 404, { error: "Repository not found" });
    if (call.startsWith("?expand")) return json(answer, 200, { id: name });
    if (call === "/paths-info/main") {
      const { paths }: { paths: readonly string[] } = JSON.parse(text);
      const there = paths.flatMap((path) => {
        const stored = repo.files.get(path);
        return stored === undefined ? [] : [{ type: "file", path, ...stored }];
      });
      return json(answer, 200, there);
    }
    if (call === "/preupload/main") {
      const { files }: { files: readonly { path: string }[] } = JSON.parse(text);
      return json(answer, 200, {
        files: files.map(({ path }) => ({ path, uploadMode: path.endsWith(".parquet") ? "lfs" : "regular" })),
      });
    }
    if (call === "/info/lfs/objects/batch") {
      const { objects }: { objects: readonly { oid: string; size: number }[] } = JSON.parse(text);
      const actions = (oid: string) =>
        large.has(oid) ? {} : { actions: { upload: { href: `${storage.url}/${oid}`, header: {} } } };
      return json(answer, 200, {
        transfer: "basic",
        objects: objects.map(({ oid, size }) => ({ oid, size, ...actions(oid) })),
      });
    }
    if (call === "/commit/main") {
      if (strikes("429-commit")) return answer.writeHead(429, { "retry-after": "0" }).end("slow down");
      if (strikes("412-commit")) return json(answer, 412, { error: "The parent commit is not the branch's head" });
      if (strikes("409-commit")) return json(answer, 409, { error: "A commit has happened since" });
      if (strikes("torn-commit")) return asked.socket.destroy();
      commit(repo, text, large);
      if (strikes("lost-commit")) return asked.socket.destroy();
      return json(answer, 200, { commitOid: "c".repeat(40), commitUrl: "", hookOutput: "", success: true });
    }
    return json(answer, 404, { error: `no such call: ${url}` });
  });

  return {
    url: server.url,
    repos,
    authorizations,
    storageUrl: storage.url,
    strike: (one: HubFault | undefined) => {
      fault = one;
    },
    async close() {
      await server.close();
      await storage.close();
    },
  };
}

/** Takes a commit of NDJSON lines. Throws for one that a real hub would refuse. */
function commit(repo: HubRepo, text: string, large: ReadonlyMap<string, Buffer>): void {
  for (const line of text.split("\n").filter((one) => one !== "")) {
    const { key, value } = JSON.parse(line);
    if (key === "header") repo.commits.push(value.summary);
    else if (key === "file") {
      const content = Buffer.from(value.content, value.encoding);
      const oid = createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
      repo.files.set(value.path, { size: content.length, oid });
    } else if (key === "lfsFile") {
      if (large.get(value.oid)?.length !== value.size) throw new Error(`${value.path} was not uploaded`);
      const lfs = { oid: value.oid, size: value.size, pointerSize: 130 };
      repo.files.set(value.path, { size: value.size, oid: "0".repeat(40), lfs });
    } else throw new Error(`no such line: ${key}`);
  }
}
