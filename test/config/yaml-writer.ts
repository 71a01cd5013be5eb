import { isJsonObject, type JsonValue } from "../../src/graph/json.ts";

/*
 * JSON written as YAML in many manners. By hand, because libraries that write YAML have mistakes of their own in the
 * corners that matter here: folding inside a character, remarks after block texts, texts that begin with a space.
 */

export type Manner = {
  readonly strings: "plain" | "double" | "single" | "literal";
  readonly flow: boolean;
  readonly indent: number;
  readonly comments: boolean;
  /** Begin with a byte order mark and `---`. */
  readonly mark: boolean;
  readonly lineBreaks: "\n" | "\r\n";
  readonly json: boolean;
};

export function writeYaml(value: JsonValue, manner: Manner): string {
  if (manner.json) return JSON.stringify(value, null, manner.indent);
  const lines = isJsonObject(value) || Array.isArray(value) ? block(value, 0, manner) : [flow(value, manner)];
  return `${manner.mark ? "\ufeff---\n" : ""}${lines.join("\n")}\n`.replaceAll("\n", manner.lineBreaks);
}

/** A map or list as lines, each indented. */
function block(value: JsonValue, depth: number, manner: Manner): readonly string[] {
  const margin = " ".repeat(depth * manner.indent);
  const remark = manner.comments ? ["", `${margin}# a remark: with [signs] & "quotes"`] : [];
  if (Array.isArray(value)) {
    return value.flatMap((item: JsonValue) => [...remark, ...labelled(`${margin}-`, item, depth, manner)]);
  }
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, member]) => [
    ...remark,
    ...labelled(`${margin}${scalar(key, manner)}:`, member, depth, manner),
  ]);
}

/** What stands after `key:` or `-`: on the same line, or below it. */
function labelled(label: string, value: JsonValue, depth: number, manner: Manner): readonly string[] {
  const remark = manner.comments ? " # here too" : "";
  const empty = Array.isArray(value) ? value.length === 0 : isJsonObject(value) && Object.keys(value).length === 0;
  if (typeof value === "object" && value !== null && !manner.flow && !empty) {
    return [`${label}${remark}`, ...block(value, depth + 1, manner)];
  }
  if (typeof value === "string" && manner.strings === "literal" && isLiteral(value)) {
    const margin = " ".repeat((depth + 1) * manner.indent);
    const ended = value.endsWith("\n");
    const lines = (ended ? value.slice(0, -1) : value).split("\n").map((line) => `${margin}${line}`);
    return [`${label} |${manner.indent}${ended ? "" : "-"}${remark}`, ...lines];
  }
  return [`${label} ${flow(value, manner)}${remark}`];
}

function flow(value: JsonValue, manner: Manner): string {
  if (Array.isArray(value)) return `[ ${value.map((item: JsonValue) => flow(item, manner)).join(", ")} ]`;
  if (isJsonObject(value)) {
    const members = Object.entries(value).map(([key, member]) => `${scalar(key, manner)}: ${flow(member, manner)}`);
    return `{${members.join(", ")}}`;
  }
  return typeof value === "string" ? scalar(value, manner) : JSON.stringify(value);
}

function scalar(text: string, manner: Manner): string {
  if (
    manner.strings === "plain" &&
    /^[A-Za-z][A-Za-z0-9_. /-]*$/.test(text) &&
    !/\s$|^(?:null|true|false)$/i.test(text)
  ) {
    return text;
  }
  if (manner.strings === "single" && isPrintable(text) && !text.includes("\n"))
    return `'${text.replaceAll("'", "''")}'`;
  return JSON.stringify(text);
}

/** A line break alone at the end belongs to the text; at the end of an otherwise empty one it would be lost in counting. */
function isLiteral(text: string): boolean {
  return isPrintable(text.replaceAll("\n", "")) && /[^\n]$|[^\n]\n$/.test(text);
}

function isPrintable(text: string): boolean {
  return !/[\p{Cc}\p{Cs}\ufeff]/u.test(text);
}
