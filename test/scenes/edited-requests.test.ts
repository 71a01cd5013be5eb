import { existsSync, writeFileSync } from "node:fs";
import { expect, it, vi } from "vitest";
import { ended, makeProject, startDsgen, startProvider } from "./support/project.ts";
import { jsonLines } from "./support/shipped.ts";

/* A request file that somebody edits while its batch is under way. */

it("is not sent in place of the one that was planned, though its ids are the same", async () => {
  const provider = await startProvider({ timing: { validatingMs: 2500 }, faultNames: ["create:expired=0#1"] });
  const project = makeProject({ batches: 1, requestsPerBatch: 2 });
  try {
    const child = startDsgen(project, ["build", "--wait"], { url: provider.url });
    const over = ended(child, "build --wait", { url: provider.url });
    await vi.waitFor(() => expect(existsSync(project.path("requests/tiny/batch_metadata.json"))).toBe(true), 20_000);
    await vi.waitFor(() => expect(project.read("requests/tiny/batch_metadata.json")).toContain("batch_"), 20_000);
    const file = "requests/tiny/request_batch0.jsonl";
    const edited = project.read(file).replaceAll('"content":"', '"content":"EDITED ');
    expect(edited).toContain("EDITED");
    writeFileSync(project.path(file), edited);
    const ran = await over;
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("it changed while its requests were looked up");
    expect(JSON.stringify(await provider.ledger())).not.toContain("EDITED");
    // The next build makes it again, keeps what was written there, and asks what is unanswered.
    const again = await ended(startDsgen(project, ["build", "--wait"], { url: provider.url }), "build", {});
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toContain("was changed by hand");
    expect(jsonLines(project.read("batch_outputs/tiny/output_batch0.jsonl"))).toHaveLength(2);
  } finally {
    project.remove();
    await provider.remove();
  }
});
