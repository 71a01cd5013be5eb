import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { recordsOf } from "../batch/ledger-record.ts";
import type { DsgenConfig } from "../config/project-config.ts";
import type { Emit } from "../events/schema.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { awsSettings } from "../remote/aws.ts";
import { folderRemote } from "../remote/folder.ts";
import { authorizationIn, httpRemote } from "../remote/http.ts";
import { patient } from "../remote/patient.ts";
import type { AnswerSink } from "../remote/pull-answers.ts";
import type { Remote } from "../remote/remote.ts";
import { s3Remote } from "../remote/s3.ts";
import { newWriterKey, type Writer, writerOf } from "../remote/writer.ts";
import type { Store } from "../store/store.ts";
import { systemClock } from "./surroundings.ts";

/* The shared caches that the config names, and the key that this person signs with. */

export type RemoteConfig = NonNullable<DsgenConfig["remote"]>;

export interface SharedCache {
  readonly remote: Remote;
  readonly writable: boolean;
}

/** The shared caches of a project, in order. Opens no connection. */
export function sharedCaches(
  { caches, timeout_seconds }: RemoteConfig,
  projectRoot: string,
  env: NodeJS.ProcessEnv,
): readonly SharedCache[] {
  const patience = { timeoutMs: timeout_seconds * 1000, clock: systemClock };
  return caches.map((cache) => ({
    remote: patient(remoteAt(cache, projectRoot, env), patience),
    writable: cache.access === "read-write",
  }));
}

/** The same config with one cache only, that a person names: a folder from where they are, or an address. */
export function onlyAt(config: RemoteConfig, at: string | undefined, cwd: string): RemoteConfig {
  if (at === undefined) return config;
  const isAddress = /^(https?|s3):/.test(at);
  return { ...config, caches: [{ at: isAddress ? at : resolve(cwd, at), access: "read-write" }] };
}

function remoteAt(cache: RemoteConfig["caches"][number], projectRoot: string, env: NodeJS.ProcessEnv): Remote {
  const { at } = cache;
  for (const address of [/^https?:/.test(at) ? at : undefined, cache.endpoint]) checkAddress(address);
  if (/^https?:/.test(at)) return httpRemote(at, authorizationFor(at, env));
  const [, bucket, prefix = ""] = /^s3:\/\/([^/]+)\/?(.*?)\/*$/.exec(at) ?? [];
  if (bucket === undefined) return folderRemote(resolve(projectRoot, at), at);
  const aws = awsSettings(env);
  const endpoint = cache.endpoint ?? aws.endpoint;
  const { region = aws.region, path_style: pathStyle = endpoint !== undefined } = cache;
  return s3Remote({ ...aws, region, endpoint, bucket, pathStyle, prefix: prefix === "" ? "" : `${prefix}/` }, at);
}

/** Nothing secret stands in an address: it would be shown, and committed. */
function checkAddress(address: string | undefined): void {
  if (address === undefined) return;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url !== undefined && url.username + url.password + url.search + url.hash === "") return;
  const message = "expected an address such as https://cache.example.org/dsgen, without a user, a password or a query.";
  const fix = "Correct it; a token goes in DSGEN_REMOTE_TOKEN, a user and password in DSGEN_REMOTE_USER and _PASSWORD.";
  throw new ProblemError({ kind: "usage", where: "the address of a shared cache", message, fix });
}

/** What may be read on the way is sent to this machine alone. */
function authorizationFor(at: string, env: NodeJS.ProcessEnv): string | undefined {
  const authorization = authorizationIn(env);
  const { protocol, hostname } = new URL(at);
  if (authorization === undefined || protocol === "https:" || /^(localhost|127\..*|\[::1\])$/.test(hostname))
    return authorization;
  const message = "a token or password is set for it, and http would send it in the clear.";
  throw new ProblemError({
    kind: "config",
    where: at,
    message,
    fix: "Write https, or unset DSGEN_REMOTE_TOKEN and _USER.",
  });
}

/** What is said where a command needs the config's `remote:` and there is none. */
export function noRemote(command: string): Problem {
  return {
    kind: "config",
    where: command,
    message: "expected `remote:` in config/dsgen.yaml, with a project's name and a cache; found none.",
    fix: "See docs/sharing.md. Nothing was done.",
  };
}

/** Where this person's signing key lies: `DSGEN_REMOTE_KEY`, or a file below their own config folder. */
export function keyPath(env: NodeJS.ProcessEnv): string {
  const named = env["DSGEN_REMOTE_KEY"]?.trim() ?? "";
  if (named !== "") return resolve(named);
  const config = env["XDG_CONFIG_HOME"]?.trim() || join(env["HOME"] || homedir(), ".config");
  return join(config, "dsgen", "remote-key.pem");
}

/** This person's signing key. Problems: there is none, or the file is no such key. */
export function writerIn(env: NodeJS.ProcessEnv): Result<Writer, Problem> {
  const path = keyPath(env);
  if (!existsSync(path)) {
    const fix = "Make one with dsgen remote keygen. Nothing was shared.";
    return err({ kind: "missing-input", where: path, message: "expected your signing key, found no file.", fix });
  }
  const writer = writerOf(readFileSync(path, "utf8"));
  if (writer !== undefined) return ok(writer);
  const fix = "Move it away and run dsgen remote keygen, or name another file in DSGEN_REMOTE_KEY.";
  return err({ kind: "corrupt", where: path, message: "expected an Ed25519 private key in PEM.", fix });
}

/** Makes this person's signing key; one that is there stays. */
export function makeKey(env: NodeJS.ProcessEnv): Result<{ readonly word: string; readonly made: boolean }, Problem> {
  const path = keyPath(env);
  const made = !existsSync(path);
  if (made) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, newWriterKey(), { flag: "wx", mode: 0o600 });
  }
  const writer = writerIn(env);
  return writer.ok ? ok({ word: writer.value.word, made }) : writer;
}

/** Tells how far a long transfer is, every few seconds. */
export function progress(emit: Emit, label: string): (done: number, of: number) => void {
  let told = performance.now();
  return (done, of) => {
    if (done === of || performance.now() - told < 5000) return;
    told = performance.now();
    emit({ type: "notice", level: "info", code: "remote", message: `${label}: ${done} of ${of} files` });
  };
}

/**
 * Takes shared answers into a cache, for the holder of its lock; for anybody else it only learns of them. That they were paid for elsewhere is in the journal before
 * they can be looked up: whatever happens in between, they are in nobody's bill twice.
 */
export function answerSink(store: Store): AnswerSink & { readonly namespaces: ReadonlySet<string> } {
  const taken = new Set<string>();
  const namespaces = new Set<string>();
  for (const { t, record } of store.journal.records())
    if (t === "pulled" && typeof record === "string") taken.add(record);
  return {
    blobs: store.blobs,
    writable: store.writable,
    namespaces,
    responses(namespace) {
      namespaces.add(namespace);
      return store.responses(namespace);
    },
    knows: (record) => taken.has(record),
    take(namespace, lines) {
      const imported = lines.map(({ entry, raw }) => ({ namespace, entry: { ...entry, via: "import" as const }, raw }));
      for (const record of recordsOf(imported, systemClock.now())) store.journal.append(record);
    },
    took(record, namespace) {
      if (taken.has(record)) return;
      taken.add(record);
      store.journal.append({ t: "pulled", v: 1, namespace, record, at: systemClock.now() });
    },
  };
}
