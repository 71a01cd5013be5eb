import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { AwsClient } from "aws4fetch";

/* Real servers, where they are installed: Debian's nginx, and an S3 server that a folder beside the repository starts. */

export const hasNginx = spawnSync("nginx", ["-v"]).status === 0;

const S3_SCRIPTS = resolve(import.meta.dirname, "../../../../shared/s3");
export const hasS3 = existsSync(join(S3_SCRIPTS, "start-s3.sh")) && spawnSync("radosgw", ["--version"]).status === 0;

export interface Installed {
  readonly url: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  close(): Promise<void>;
}

/** nginx with its DAV module, on a folder of its own. */
export async function startNginx(): Promise<Installed> {
  const folder = mkdtempSync(join(tmpdir(), "dsgen-nginx-"));
  for (const name of ["data", "bodies"]) mkdirSync(join(folder, name));
  const port = await freePort();
  const user = process.getuid?.() === 0 ? "user root;" : "";
  const paths = ["proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`);
  writeFileSync(
    join(folder, "nginx.conf"),
    `${user} daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
    events {}
    http {
      access_log off; client_body_temp_path ${folder}/bodies; ${paths.join(" ")}
      server {
        listen 127.0.0.1:${port}; root ${folder}/data; client_max_body_size 0;
        location / { dav_methods PUT DELETE; create_full_put_path on; autoindex on; autoindex_format json; }
      }
    }\n`,
  );
  const child = spawn("nginx", ["-p", folder, "-c", join(folder, "nginx.conf")], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  await answering(url, child);
  return {
    url,
    credentials: undefined,
    async close() {
      child.kill("SIGTERM");
      await new Promise((done) => child.once("exit", done));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A bucket, `bucket`, in a real S3 server. */
export async function startS3(): Promise<Installed> {
  const folder = mkdtempSync(join(tmpdir(), "dsgen-s3-"));
  const started = spawnSync(join(S3_SCRIPTS, "start-s3.sh"), [folder, String(await freePort())], { encoding: "utf8" });
  const said = (name: string) => new RegExp(`${name}\\s*[=:]?\\s*(\\S+)`).exec(started.stdout)?.[1] ?? "";
  const url = said("endpoint");
  const credentials = { accessKeyId: said("access_key"), secretAccessKey: said("secret_key") };
  const made = await new AwsClient({ ...credentials, service: "s3", region: "eu-central-1" }).fetch(`${url}/bucket`, {
    method: "PUT",
  });
  if (!made.ok) throw new Error(`no bucket: ${made.status}\n${started.stdout}\n${started.stderr}`);
  return {
    url,
    credentials,
    close() {
      spawnSync(join(S3_SCRIPTS, "stop-s3.sh"), [folder]);
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    try {
      await fetch(url);
      return;
    } catch {
      await new Promise((done) => setTimeout(done, 20));
    }
  }
  throw new Error(`nginx ended with ${child.exitCode}`);
}
