import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/* Who we are to S3, as AWS's own tools find it: the environment first, then the two profile files. */

type Env = Readonly<Record<string, string | undefined>>;

export interface AwsSettings {
  readonly credentials:
    | { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }
    | undefined;
  readonly region: string;
  readonly endpoint: string | undefined;
}

/** What the environment and the profile's files say. Nothing of it is ever written or shown. */
export function awsSettings(env: Env): AwsSettings {
  const home = env["HOME"] || homedir();
  const name = filled(env["AWS_PROFILE"]) ?? "default";
  const credentialsFile = filled(env["AWS_SHARED_CREDENTIALS_FILE"]) ?? join(home, ".aws", "credentials");
  const configFile = filled(env["AWS_CONFIG_FILE"]) ?? join(home, ".aws", "config");
  const profile = {
    ...section(configFile, name === "default" ? name : `profile ${name}`),
    ...section(credentialsFile, name),
  };
  const keyOf = (id: string | undefined, secret: string | undefined, token: string | undefined) =>
    id === undefined || secret === undefined
      ? undefined
      : { accessKeyId: id, secretAccessKey: secret, ...(token === undefined ? {} : { sessionToken: token }) };
  const of = (variable: string) => filled(env[variable]);
  return {
    credentials:
      keyOf(of("AWS_ACCESS_KEY_ID"), of("AWS_SECRET_ACCESS_KEY"), of("AWS_SESSION_TOKEN")) ??
      keyOf(profile["aws_access_key_id"], profile["aws_secret_access_key"], profile["aws_session_token"]),
    region: of("AWS_REGION") ?? of("AWS_DEFAULT_REGION") ?? profile["region"] ?? "us-east-1",
    endpoint: of("AWS_ENDPOINT_URL_S3") ?? of("AWS_ENDPOINT_URL") ?? profile["endpoint_url"],
  };
}

function filled(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed === "" ? undefined : trimmed;
}

/** The keys of one section of an INI file; of a file that is not there, none. */
function section(path: string, name: string): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return {};
  }
  const found: Record<string, string> = {};
  let inside = false;
  for (const line of text.split(/\r?\n/)) {
    const head = /^\[\s*(.*?)\s*\]/.exec(line)?.[1];
    if (head !== undefined) inside = head === name;
    // An indented line belongs to a nested setting.
    const [, key, value] = /^([A-Za-z_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (inside && key !== undefined && value !== undefined) found[key.toLowerCase()] = value;
  }
  return found;
}
