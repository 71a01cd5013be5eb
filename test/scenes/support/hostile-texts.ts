/** Texts of 10 MB that are built to hurt: each feeds what a careless reader does again for every character. */
const SIZE = 10_000_000;
const full = (unit: string) => unit.repeat(Math.ceil(SIZE / unit.length)).slice(0, SIZE);
const nested = (open: string, close: string, inner = "") => {
  const levels = Math.floor(SIZE / (open.length + close.length));
  return open.repeat(levels) + inner + close.repeat(levels);
};

export const HURTING: readonly (readonly [name: string, text: string])[] = [
  ["one word", full("a")],
  ["blanks", full(" ")],
  ["empty lines", full("\n")],
  ["carriage returns", full("\r")],
  ["opening brackets", full("[")],
  ["opening braces", full('{"a":')],
  ["brackets that close nothing", full("]}")],
  ["brackets in brackets", nested("[", "]")],
  ["objects in objects", `${nested('{"a":', "}", "1")}`],
  [
    "every member that is looked for, with brackets in brackets",
    `{"id":"batch_1","object":"batch","custom_id":"a","method":"POST","url":"/v1/chat/completions","status":"completed","valid":true,"response":{"status_code":200,"body":${nested("[", "]")}},"body":{"model":"m","x":[]}}`,
  ],
  [
    "a request with brackets in brackets",
    `{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","x":${nested("[", "]")}}}`,
  ],
  ["an error's message", `{"error":{"message":${JSON.stringify(full("a: sk- "))}}}`],
  ["quotes", full('"')],
  ["backslashes", full("\\")],
  ["a string without an end", `{"a":"${full("\\u00")}`],
  ["small objects", full("{} ")],
  ["objects that are nearly entries", `[${full('{"question":"a","answer":1},')}`],
  ["tags of reasoning", full("<think>")],
  ["tags that close nothing", full("</think>")],
  ["fences", full("```json\n")],
  ["words that are no numbers", `[${full("-Infinity,")}0]`],
  ["broken words that are no numbers", full("-InfinitNa")],
  ["stars", full("* ")],
  ["names without a value", full("a:\n")],
  ["keys of YAML, ever deeper", full("- ")],
  ["anchors of YAML", full("&a *a ")],
  ["marks on one letter", `a${full("\u0301")}`.slice(0, SIZE / 2)],
  ["what looks like a key", full("sk-Bearer ")],
  ["halves of characters", full("\ud800")],
  ["the start of a journal's line", full(`${"0".repeat(32)} {`)],
];
