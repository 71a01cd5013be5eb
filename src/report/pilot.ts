import type { PilotResult } from "../events/schema.ts";
import { columns, count, countOf, countsByName, money, percent } from "./format.ts";
import type { Style } from "./style.ts";

/** What a pilot came to, and what the rest would take: enough to decide whether to go on. */
export function pilotText(pilot: PilotResult, style: Style): string {
  const { answered, requests, candidates, valid, rest } = pilot;
  const rows: (readonly [string, string])[] = [
    ["requests answered", `${count(answered)} of ${count(requests)}`],
    ["candidates", count(candidates)],
    ["valid", candidates === 0 ? "0" : `${count(valid)} (${percent(valid / candidates)})`],
    ["failures by check", countsByName(Object.entries(pilot.failedChecks))],
    ...(Object.keys(pilot.unreadable).length === 0
      ? []
      : [["answers without an entry", countsByName(Object.entries(pilot.unreadable))] as const]),
    ...(pilot.file === null ? [] : [["file", pilot.file] as const]),
  ];
  const table = columns(rows.map(([label, text]) => [`  ${label}`, text])).map((line) => `${line}\n`);
  const lines = [`${style.bold(`Pilot of ${pilot.task}`)}\n`, ...table];
  if (rest.requests === 0) return lines.join("");
  const bound = rest.maxCostUsd === null ? "" : `, at most ${money(rest.maxCostUsd)}`;
  lines.push(`The rest: ${countOf(rest.requests, "request")} in batch jobs, cost ${money(rest.costUsd)}${bound}.\n`);
  if (answered > 0 && pilot.wanted !== null) {
    const more = Math.round((valid / answered) * rest.requests);
    lines.push(
      `At this yield they give about ${count(more)} valid ones more, duplicates among them; ${count(pilot.wanted)} are wanted.\n`,
    );
  }
  lines.push("dsgen build sends them; the answers that are here are not bought again.\n");
  return lines.join("");
}
