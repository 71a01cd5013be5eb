/** True where a machine runs this for nobody in particular: `CI` is set, and not to `false`, `0` or nothing. */
export function inCi(env: NodeJS.ProcessEnv): boolean {
  return !["", "0", "false"].includes((env["CI"] ?? "").trim().toLowerCase());
}
