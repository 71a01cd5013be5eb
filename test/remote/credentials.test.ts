import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { awsSettings } from "../../src/remote/aws.ts";
import { authorizationIn, httpRemote } from "../../src/remote/http.ts";
import { s3Remote } from "../../src/remote/s3.ts";
import { AWS_TEST, listening, type Served, serveS3 } from "./support/servers.ts";

/* Who dsgen is to a server, as AWS's own tools and HTTP's find it; and how a bucket is addressed. */

const signal = new AbortController().signal;

describe("AWS settings", () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "dsgen-aws-"));
    mkdirSync(join(home, ".aws"));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));
  const file = (name: string, ...lines: readonly string[]) => {
    const path = join(home, name);
    writeFileSync(path, `${lines.join("\n")}\n`);
    return path;
  };
  const keys = (id: string, token?: string) => ({
    accessKeyId: id,
    secretAccessKey: `${id}-secret`,
    ...(token === undefined ? {} : { sessionToken: token }),
  });

  it("are none where nothing says any", () => {
    expect(awsSettings({ HOME: home })).toEqual({ credentials: undefined, region: "us-east-1", endpoint: undefined });
  });

  it("are the default profile's, of both files", () => {
    file(
      ".aws/credentials",
      "# of the lab",
      "[default]",
      "aws_access_key_id = AK",
      "aws_secret_access_key=AK-secret  ",
      "[other]",
      "aws_access_key_id = NO",
      "aws_secret_access_key = NO-secret",
    );
    file(
      ".aws/config",
      "[default]",
      "region = eu-west-3",
      "s3 =",
      "  addressing_style = path",
      "[profile other]",
      "region = no",
    );
    expect(awsSettings({ HOME: home })).toEqual({ credentials: keys("AK"), region: "eu-west-3", endpoint: undefined });
  });

  it("are a named profile's: `[name]` in one file, `[profile name]` in the other, with its token and address", () => {
    const credentials = file(
      "mine",
      "[lab]",
      "aws_access_key_id = LAB",
      "aws_secret_access_key = LAB-secret",
      "aws_session_token = T",
    );
    const config = file(
      "conf",
      "[profile lab]",
      "region=ap-south-1",
      "endpoint_url = http://127.0.0.1:9",
      "[lab]",
      "region = no",
    );
    const env = { HOME: home, AWS_PROFILE: "lab", AWS_SHARED_CREDENTIALS_FILE: credentials, AWS_CONFIG_FILE: config };
    expect(awsSettings(env)).toEqual({
      credentials: keys("LAB", "T"),
      region: "ap-south-1",
      endpoint: "http://127.0.0.1:9",
    });
  });

  it("are the environment's before any profile's, and never half of each", () => {
    file(".aws/credentials", "[default]", "aws_access_key_id = AK", "aws_secret_access_key = AK-secret");
    const region = { AWS_REGION: "eu-central-1", AWS_DEFAULT_REGION: "no" };
    const env = {
      HOME: home,
      AWS_ACCESS_KEY_ID: "ENV",
      AWS_SECRET_ACCESS_KEY: "ENV-secret",
      AWS_SESSION_TOKEN: "S",
      ...region,
    };
    expect(awsSettings(env)).toMatchObject({ credentials: keys("ENV", "S"), region: "eu-central-1" });
    // A key without its secret is none; a token of the environment goes with no profile's key.
    const half = {
      HOME: home,
      AWS_ACCESS_KEY_ID: "ENV",
      AWS_SESSION_TOKEN: "S",
      AWS_ENDPOINT_URL: "http://b",
      AWS_ENDPOINT_URL_S3: "http://a",
    };
    expect(awsSettings(half)).toMatchObject({ credentials: keys("AK"), endpoint: "http://a" });
  });
});

describe("a bucket", () => {
  let server: Served;
  beforeAll(async () => {
    server = await serveS3();
  });
  afterAll(() => server.close());
  const at = (more: object) =>
    s3Remote(
      {
        endpoint: server.url,
        credentials: AWS_TEST,
        region: "eu-central-1",
        bucket: "bucket",
        prefix: "",
        pathStyle: true,
        ...more,
      },
      "s3://bucket",
    );

  it("refuses a session's key without its token, and says what to set where there is none at all", async () => {
    const { sessionToken: _, ...tokenless } = AWS_TEST;
    const refused = await at({ credentials: tokenless }).has("v1/a", signal);
    expect(refused).toMatchObject({ ok: false, error: { kind: "denied" } });
    const bare = await at({ credentials: undefined }).has("v1/a", signal);
    expect(bare).toMatchObject({
      ok: false,
      error: { kind: "denied", message: expect.stringContaining("AWS_ACCESS_KEY_ID") },
    });
  });

  it("that anybody may read is read without a signature", async () => {
    const open = await listening((asked, answer) => {
      if (asked.headers.authorization !== undefined) return answer.writeHead(400).end();
      return answer.writeHead(asked.url === "/bucket/v1/a" ? 200 : 404).end("content");
    });
    try {
      const remote = at({ endpoint: open.url, credentials: undefined });
      const got = await remote.get("v1/a", signal);
      expect(got.ok && Buffer.from(got.value ?? []).toString()).toBe("content");
      expect(await remote.has("v1/b", signal)).toEqual({ ok: true, value: false });
    } finally {
      await open.close();
    }
  });

  it("stands in the host's name where that is asked for, in the path otherwise", async () => {
    const urls: string[] = [];
    const fetched = vi.spyOn(globalThis, "fetch").mockImplementation(async (asked) => {
      urls.push(asked instanceof Request ? asked.url : String(asked));
      return new Response(null, { status: 404 });
    });
    try {
      const endpoint = "https://storage.example.org/base";
      await at({ endpoint, pathStyle: false }).has("v1/a", signal);
      await at({ endpoint, pathStyle: true, prefix: "lab/" }).has("v1/a", signal);
      await at({ endpoint: undefined, pathStyle: false }).has("v1/a", signal);
    } finally {
      fetched.mockRestore();
    }
    expect(urls).toEqual([
      "https://bucket.storage.example.org/base/v1/a",
      "https://storage.example.org/base/bucket/lab/v1/a",
      "https://bucket.s3.eu-central-1.amazonaws.com/v1/a",
    ]);
  });
});

describe("an HTTP cache", () => {
  it("gets a bearer token, or a user and password, as the environment has them; the token goes first", async () => {
    const basic = `Basic ${Buffer.from("me:p:w").toString("base64")}`;
    const cases = [
      [{}, undefined],
      [{ DSGEN_REMOTE_TOKEN: " tok " }, "Bearer tok"],
      [{ DSGEN_REMOTE_USER: "me", DSGEN_REMOTE_PASSWORD: "p:w" }, basic],
      [{ DSGEN_REMOTE_USER: "me", DSGEN_REMOTE_PASSWORD: "p:w", DSGEN_REMOTE_TOKEN: "tok" }, "Bearer tok"],
    ] as const;
    const seen: (string | undefined)[] = [];
    const server = await listening((asked, answer) => {
      seen.push(asked.headers.authorization);
      answer.writeHead(404).end();
    });
    try {
      for (const [env] of cases) await httpRemote(server.url, authorizationIn(env)).has("v1/a", signal);
      expect(seen).toEqual(cases.map(([, header]) => header));
    } finally {
      await server.close();
    }
  });
});
