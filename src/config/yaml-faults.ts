import type { YAMLError } from "yaml";
import { oneLine } from "./located.ts";

/** The parser's complaint in our manner: what was expected, what was found, what to do. */
export function syntaxWords(fault: YAMLError): { readonly message: string; readonly fix: string } {
  switch (fault.code) {
    case "TAB_AS_INDENT":
      return { message: "lines must be indented with spaces; found a tab.", fix: "Replace the tab by spaces." };
    case "MULTIPLE_DOCS":
      return {
        message: "a config file must hold one YAML document; found a second one after `---`.",
        fix: "Remove the second document.",
      };
    case "TAG_RESOLVE_FAILED":
      return {
        message: `a plain YAML value is expected; found a tag (${oneLine(fault.message, 80)}).`,
        fix: "Remove the tag.",
      };
    case "BLOCK_AS_IMPLICIT_KEY":
    case "MULTILINE_IMPLICIT_KEY":
      return {
        message: "one `key: value` is expected on a line; found a second key, or a key that goes over several lines.",
        fix: "Put each key on a line of its own, equally indented, and quote a text that holds `: `.",
      };
    case "BAD_SCALAR_START":
      return { message: `not valid YAML: ${oneLine(fault.message, 120)}.`, fix: "Put the text in quotes." };
    case "BAD_DQ_ESCAPE":
      return {
        message: `not valid YAML: ${oneLine(fault.message, 120)}.`,
        fix: "Double the backslash, or use single quotes.",
      };
    case "RESOURCE_EXHAUSTION":
      return { message: "values nest too deeply to be read.", fix: "Check the brackets and the indentation." };
    default:
      return {
        message: `not valid YAML: ${oneLine(fault.message, 120).replace(/\.$/, "")}.`,
        fix: "Check the indentation, brackets and quotes here and on the line above.",
      };
  }
}
