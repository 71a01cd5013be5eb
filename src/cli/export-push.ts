import { join, relative } from "node:path";
import { type HubPushed, pushToHub } from "../export/hub.ts";
import type { Digest } from "../graph/digest.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { systemClock } from "./surroundings.ts";

/** A place on the hub that may be written to. */
export interface PushPlace {
  readonly repo: string;
  readonly token: string;
  readonly endpoint: string | undefined;
}

/** Where it goes, and with whose token. Problems: a name that is none, no token, an address that would show it. */
export function placeOf(to: string, env: NodeJS.ProcessEnv): Result<PushPlace, Problem> {
  const repo = /^hub:([\w.-]+\/[\w.-]+)$/.exec(to)?.[1];
  const nothing = "Nothing was sent.";
  if (repo === undefined) {
    const message = "expected hub:ORG/NAME, a dataset's place on the Hugging Face hub.";
    return err({ kind: "usage", where: `--push ${to}`, message, fix: nothing });
  }
  const token = (env["HF_TOKEN"] ?? "").trim();
  if (!token.startsWith("hf_")) {
    const found = token === "" ? "it is not set" : "it does not begin with hf_";
    const fix = `Make one with write access in the hub's settings, and export it. ${nothing}`;
    return err({ kind: "auth", where: "HF_TOKEN", message: `a token of the hub is needed, and ${found}.`, fix });
  }
  const endpoint = (env["HF_ENDPOINT"] ?? "").trim().replace(/\/+$/, "");
  if (endpoint === "") return ok({ repo, token, endpoint: undefined });
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const isHere = url !== undefined && /^(localhost|127\..*|\[::1\])$/.test(url.hostname);
  if (url?.protocol === "https:" || (url?.protocol === "http:" && isHere)) return ok({ repo, token, endpoint });
  const message = "expected an https address: over http the token could be read on the way.";
  return err({ kind: "config", where: "HF_ENDPOINT", message, fix: nothing });
}

/**
 * Pushes a folder's files in one commit that names the dataset's digest.
 * @param folder from the project root
 * @param files of it, from the project root
 */
export function pushFolder(
  projectRoot: string,
  folder: string,
  files: readonly string[],
  dataset: Digest,
  place: PushPlace,
  open: boolean,
  signal: AbortSignal,
): Promise<Result<HubPushed, Problem>> {
  const sent = files.map((file) => ({
    path: relative(folder, file).split("\\").join("/"),
    local: join(projectRoot, file),
  }));
  const title = `dsgen: dataset sha256:${dataset}`;
  return pushToHub(sent, { ...place, open, title, sleep: systemClock.sleep, signal });
}
