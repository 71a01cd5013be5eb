import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { finished } from "node:stream/promises";
import { expect, it } from "vitest";
import { clientOf, must, simulator, temporaryFolder } from "./support.ts";

/** The longest string that V8 makes is about this long: an output beyond it must never be one. */
const LONGEST_STRING = 2 ** 29;

it("an embeddings batch with more output than a string can hold is written, served and read whole", async () => {
  const requests = 32;
  const inputs = 1280;
  const folder = temporaryFolder();
  const path = join(folder, "requests.jsonl");
  const file = createWriteStream(path);
  for (let nth = 0; nth < requests; nth++) {
    const input = Array.from({ length: inputs }, (_, index) => `text ${nth} ${index}`);
    const body = { model: "text-embedding-3-small", input };
    file.write(`${JSON.stringify({ custom_id: `E-${nth}`, method: "POST", url: "/v1/embeddings", body })}\n`);
  }
  file.end();
  await finished(file);

  const server = await simulator();
  const provider = clientOf(server, { timeoutMs: 60_000, idleTimeoutMs: 60_000 });
  const uploaded = must(await provider.upload({ path, filename: "requests.jsonl" }));
  const created = must(
    await provider.createBatch({ inputFileId: uploaded.id, endpoint: "/v1/embeddings", metadata: {} }),
  );
  let done = must(await provider.retrieveBatch(created.id));
  while (done.status !== "completed") done = must(await provider.retrieveBatch(created.id));
  expect(done).toMatchObject({ status: "completed", counts: { total: requests, completed: requests } });
  const output = join(folder, "output.jsonl");
  must(await provider.download(done.outputFileId ?? "", output, 1e11));
  expect((await stat(output)).size).toBeGreaterThan(LONGEST_STRING);
  const seen = new Set<string>();
  for await (const line of createInterface({ input: createReadStream(output) })) {
    const { custom_id: id, response }: { custom_id: string; response: { body: { data: unknown[] } } } =
      JSON.parse(line);
    seen.add(id);
    expect(response.body.data.length).toBe(inputs);
  }
  expect(seen.size).toBe(requests);
}, 600_000);
