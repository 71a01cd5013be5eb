import { expect, test } from "vitest";
import { ignoredProxyNotice } from "../../src/cli/surroundings.ts";

const PROXY = "http://user:hunter2@proxy.example:3128";
const told = (env: NodeJS.ProcessEnv, node = "20.19.0") => {
  const notice = ignoredProxyNotice(env, node);
  return notice?.type === "notice" ? notice.message : undefined;
};

test.each([
  [{ HTTPS_PROXY: PROXY }, "HTTPS_PROXY", "api.openai.com"],
  [{ https_proxy: PROXY, NO_PROXY: "localhost,.example.org" }, "https_proxy", "api.openai.com"],
  [{ HTTP_PROXY: PROXY, OPENAI_BASE_URL: "http://127.0.0.1:8080/v1" }, "HTTP_PROXY", "127.0.0.1"],
  [{ HTTPS_PROXY: PROXY, NO_PROXY: "penai.com" }, "HTTPS_PROXY", "api.openai.com"],
])("%j: it is said that the proxy is not used, without its address", (env, name, host) => {
  expect(told(env)).toContain(`${name} is set and is not used: ${host} is called directly`);
  expect(told(env)).not.toContain("hunter2");
});

test.each([
  [{}],
  [{ HTTPS_PROXY: " " }],
  [{ HTTP_PROXY: PROXY }],
  [{ HTTPS_PROXY: PROXY, OPENAI_BASE_URL: "http://127.0.0.1:8080/v1" }],
  [{ HTTPS_PROXY: PROXY, NO_PROXY: "*" }],
  [{ HTTPS_PROXY: PROXY, no_proxy: "localhost, .openai.com" }],
  [{ HTTPS_PROXY: PROXY, NO_PROXY: "api.openai.com:443" }],
])("%j: there is nothing to say", (env) => {
  expect(told(env)).toBeUndefined();
});

test("a Node that is told to use it does", () => {
  const env = { HTTPS_PROXY: PROXY, NODE_USE_ENV_PROXY: "1" };
  expect(told(env, "24.1.0")).toBeUndefined();
  expect(told(env, "20.19.0")).toBeDefined();
});
