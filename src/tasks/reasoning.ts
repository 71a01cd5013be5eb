/*
 * A model's reasoning before its answer, as servers leave it in the content that do not tell the two apart: between
 * `<think>` and `</think>`, or `[THINK]` and `[/THINK]`. A template that writes the opening tag itself leaves the closing
 * one alone. Reasoning is never data, however much it looks like it.
 */

const OPENING = /^\s*(?:<(think|thinking|thought|reasoning)>|\[(THINK)\])/i;

/** A closing tag that ends a line or stands before an answer. Within a JSON text it could only be followed by its own words. */
const CLOSING = /(?:<\/(?:think|thinking|thought|reasoning)>|\[\/THINK\])[ \t]*(?=[\r\n{[`]|$)/gi;

/**
 * The content without the reasoning before it. Of reasoning that never ends nothing is known to be the answer if the content
 * was cut off; otherwise the answer is somewhere in what follows the tag.
 */
export function withoutReasoning(content: string, cutOff: boolean): string {
  let rest = content;
  for (;;) {
    const opening = OPENING.exec(rest);
    const name = opening?.[1] ?? opening?.[2];
    if (opening === null || name === undefined) break;
    const closing = closingOf(name).exec(rest);
    if (closing === null) return cutOff ? "" : rest.slice(opening[0].length);
    rest = rest.slice(closing.index + closing[0].length);
  }
  let end = 0;
  for (const closing of rest.matchAll(CLOSING)) end = closing.index + closing[0].length;
  return end === 0 || isJson(rest) ? rest : rest.slice(end);
}

function closingOf(name: string): RegExp {
  return name === "THINK" ? /\[\/THINK\]|<\/think>/i : new RegExp(`</${name}>`, "i");
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
