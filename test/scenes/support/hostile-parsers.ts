import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readOutputLine } from "../../../src/api/output-line.ts";
import { parseRequestFile } from "../../../src/api/request-file.ts";
import { textOfBytes } from "../../../src/config/config-bytes.ts";
import { parseYamlTree } from "../../../src/config/yaml-tree.ts";
import { fileLines } from "../../../src/engine/file-lines.ts";
import { readShardLine } from "../../../src/kinds/shard.ts";
import { BadAnswer } from "../../../src/providers/openai/failures.ts";
import { scrubberOf } from "../../../src/providers/openai/scrub.ts";
import { jsonObjectIn, remoteBatch, scrubbed } from "../../../src/providers/openai/wire.ts";
import { shorten } from "../../../src/report/shorten.ts";
import { printed } from "../../../src/report/visible.ts";
import { parseJsonObject } from "../../../src/simulator/reply.ts";
import { openSealed } from "../../../src/store/actions.ts";
import { scanCheckedFile } from "../../../src/store/checked-lines.ts";
import { parseHolder } from "../../../src/store/lock-holder.ts";
import { decodeWorkspace } from "../../../src/store/workspace-file.ts";
import { dedupeKey } from "../../../src/tasks/distinct.ts";
import { sequencesOf } from "../../../src/tasks/near.ts";
import { parseResponse } from "../../../src/tasks/parse.ts";
import { GivenRequests } from "../../../src/tasks/requests.ts";
import { refusePair } from "../../../src/tokenizers/pair-rule.ts";
import { KEY } from "./project.ts";

const scrubber = scrubberOf(KEY);
const records = { kind: "records", fields: ["question", "answer"] } as const;
const pairs = { kind: "pairs", fields: ["safe", "harmful"] } as const;
const idOf = () => "id";

/** Every reader of text that is not ours: whether it came to the right end, which is that the text is not what it should be. */
export const PARSERS: Readonly<Record<string, (text: string, folder: string) => boolean>> = {
  "a line of batch output": (text) => readOutputLine(text, idOf).kind !== "answer",
  "an answer of records": (text) =>
    ["stop", "length"].every((finishReason) => {
      const read = parseResponse({ content: text, refusal: null, finishReason }, records);
      return read.candidates.length === 0 && (read.problem !== null || read.malformed.length > 0);
    }),
  "an answer of pairs": (text) =>
    parseResponse({ content: text, refusal: null, finishReason: "stop" }, pairs).candidates.length === 0,
  "a request file": (text) => {
    // Empty lines are passed over.
    const read = parseRequestFile("requests.jsonl", text);
    return read.ok ? read.value.length <= 1 : true;
  },
  "a request that somebody wrote": (text) => {
    const read = new GivenRequests().read(text);
    // Of the texts, one is a request, with something large beside it.
    return !read.ok || read.value === undefined || text.startsWith('{"id":"batch_1"');
  },
  "the provider's object": (text) => {
    try {
      remoteBatch(scrubbed(jsonObjectIn(text), scrubber));
    } catch (error) {
      return error instanceof BadAnswer;
    }
    return false;
  },
  "a journal": (text, folder) => {
    const path = join(folder, "journal");
    writeFileSync(path, `${text}\n`);
    let records = 0;
    const faults = scanCheckedFile(path, () => records++);
    const end = faults.reduce((sum, { bytes }) => sum + bytes + 1, 0);
    return records === 0 && faults.length > 0 && end === Buffer.byteLength(text) + 1;
  },
  "an output file": (text, folder) => {
    const path = join(folder, "output");
    writeFileSync(path, text);
    let bytes = 0;
    for (const line of fileLines(path)) bytes += line.length;
    return bytes <= Buffer.byteLength(text);
  },
  "a line of a shard": (text) => !readShardLine(text, records).ok,
  "a file of an action": (text) => openSealed(text).state === "damaged",
  "a lock": (text) => parseHolder(text) === undefined,
  "the table of files": (text) => typeof decodeWorkspace(Buffer.from(text)) === "string",
  "a config": (text) => {
    // A larger one is refused unread.
    const bytes = Buffer.from(text).subarray(0, 4 * 1024 * 1024);
    const read = textOfBytes("task.yaml", bytes);
    if (!read.ok) return true;
    const { complaints } = parseYamlTree(read.value, (line, column) => ({
      kind: "file",
      file: "task.yaml",
      line,
      column,
    }));
    return complaints.length < 1_000_000;
  },
  "a request to the simulator": (text) => {
    const value = parseJsonObject(text);
    return value === undefined || "error" in value;
  },
  "a message": (text) => {
    const shown = printed(scrubber.message(`${text}${KEY}${text}`));
    return !shown.includes(KEY.slice(1, 9)) && shorten(text, 40).length < 1000;
  },
  "a pair's text": (text) => refusePair({ first: text, second: "a" }, 2000) !== undefined,
  "a text to be told from others": (text) =>
    dedupeKey([text], "normalised").length > 0 && sequencesOf([text]).length <= text.length,
};
