import { JsonBytes } from "../../src/graph/json-bytes.ts";
import { shardLineWriter } from "../../src/kinds/shard-writer.ts";
import type { CheckedCandidate, ShardNames } from "../../src/tasks/candidate.ts";

/** A shard's lines as texts, without their ends. */
export function lineWriter(names: ShardNames): (checked: CheckedCandidate) => string {
  const write = shardLineWriter(names);
  const into = new JsonBytes();
  return (checked) => {
    write(checked, into);
    return Buffer.from(into.take()).toString("utf8").slice(0, -1);
  };
}
