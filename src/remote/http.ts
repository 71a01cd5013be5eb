import { isJsonObject } from "../graph/json.ts";
import { err, ok } from "../graph/result.ts";
import { type Remote, type RemoteEntry, type Reply, TRIAL } from "./remote.ts";
import { contentOf, excludedBy, found, odd, putResult, removed, webCall } from "./web.ts";

/**
 * A server that answers GET, HEAD and PUT at `<base>/<name>`, as Bazel's HTTP cache does, and lists a folder as JSON: nginx with its
 * DAV module and `autoindex_format json`. Where it heeds `If-None-Match: *`, a put is made for one of two only.
 * @param authorization the header's value: `Bearer …`, `Basic …`
 */
export function httpRemote(base: string, authorization: string | undefined): Remote {
  const root = base.replace(/\/+$/, "");
  const headers = authorization === undefined ? {} : { authorization };
  const call = (
    method: string,
    name: string,
    signal: AbortSignal,
    more: Omit<RequestInit, "headers"> = {},
    also = {},
  ) => webCall(new Request(`${root}/${name}`, { method, headers: { ...headers, ...also }, ...more }), signal);
  const has: Remote["has"] = async (name, signal) => found(await call("HEAD", name, signal), `HEAD ${name}`);

  async function entries(folder: string, signal: AbortSignal): Reply<readonly RemoteEntry[]> {
    const reply = await call("GET", `${folder}/`, signal);
    const there = found(reply, `GET ${folder}/`);
    if (!there.ok || !there.value || !reply.ok) return there.ok ? ok([]) : there;
    const listed = listing(reply.value.body);
    if (listed === undefined)
      return err({ kind: "unable", message: "it lists no folder as JSON (nginx: autoindex_format json)" });
    const all: RemoteEntry[] = [];
    for (const { name: last, isFolder, ...of } of listed) {
      const name = `${folder}/${last}`;
      const below = isFolder ? await entries(name, signal) : ok([{ name, ...of }]);
      if (!below.ok) return below;
      for (const one of below.value) all.push(one);
    }
    return ok(all.sort((a, b) => (a.name < b.name ? -1 : 1)));
  }

  async function list(folder: string, signal: AbortSignal): Reply<readonly string[]> {
    const all = await entries(folder, signal);
    return all.ok ? ok(all.value.map(({ name }) => name)) : all;
  }

  const putNew = (name: string, body: Uint8Array, signal: AbortSignal) =>
    call("PUT", name, signal, { body }, { "if-none-match": "*" });

  return {
    label: base,
    has,
    get: async (name, signal) => contentOf(await call("GET", name, signal), `GET ${name}`),
    async putIfAbsent(name, bytes, signal) {
      const there = await has(name, signal);
      if (!there.ok || there.value) return there.ok ? ok("there") : there;
      const reply = await putNew(name, bytes, signal);
      if (reply.ok && reply.value.status === 409) return odd(reply.value, "PUT (nginx: create_full_put_path on)");
      return putResult(reply, `PUT ${name}`);
    },
    list,
    entries,
    remove: async (name, signal) => removed(await call("DELETE", name, signal), `DELETE ${name}`),
    excludes: (signal) => excludedBy(() => putNew(TRIAL.name, TRIAL.content, signal)),
  };
}

interface Listed extends Omit<RemoteEntry, "name"> {
  readonly name: string;
  readonly isFolder: boolean;
}

/** What nginx says of a folder: `[{"name": …, "type": "directory", "mtime": …, "size": …}]`. Undefined for anything else. */
function listing(body: Uint8Array): readonly Listed[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  return value.flatMap((entry: unknown) => {
    const name = isJsonObject(entry) ? entry["name"] : undefined;
    if (!isJsonObject(entry) || typeof name !== "string" || !/^[\w.-]*\w[\w.-]*$/.test(name)) return [];
    const { type, size, mtime } = entry;
    const written = typeof mtime === "string" ? Date.parse(mtime) : Number.NaN;
    const bytes = typeof size === "number" ? size : null;
    return [{ name, isFolder: type === "directory", bytes, writtenAt: Number.isNaN(written) ? null : written }];
  });
}

/** The header's value from `DSGEN_REMOTE_TOKEN`, or `DSGEN_REMOTE_USER` and `DSGEN_REMOTE_PASSWORD`; undefined without. */
export function authorizationIn(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const token = env["DSGEN_REMOTE_TOKEN"]?.trim() ?? "";
  if (token !== "") return `Bearer ${token}`;
  const user = env["DSGEN_REMOTE_USER"] ?? "";
  if (user === "") return undefined;
  return `Basic ${Buffer.from(`${user}:${env["DSGEN_REMOTE_PASSWORD"] ?? ""}`).toString("base64")}`;
}
