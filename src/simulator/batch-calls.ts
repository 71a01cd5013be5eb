import type { BatchRunner, Standing } from "./batches.ts";
import { type Call, isRefusal, type Route, readJson } from "./calls.ts";
import { createBatch, readCreate } from "./create.ts";
import { ownFile } from "./file-calls.ts";
import { listObject, pageOf, readPaging } from "./listing.ts";
import { batchObject } from "./objects.ts";
import { jsonReply, type Reply, refusalReply } from "./reply.ts";
import { isTerminal } from "./timeline.ts";
import { type Caller, type ListingLag, struck, type World } from "./world.ts";

/** The calls about batches. */
export function batchRoutes(world: World, runner: BatchRunner, lag: ListingLag): readonly Route[] {
  const { state } = world;

  async function own(id: string, caller: Caller): Promise<Standing | undefined> {
    return state.batch(id)?.owner === caller.owner ? runner.look(id) : undefined;
  }

  async function create({ request, caller }: Call): Promise<Reply> {
    const read = await readJson(request);
    if (!read.ok) return read.error;
    const asked = readCreate(read.value);
    if (isRefusal(asked)) return refusalReply(400, asked);
    const file = ownFile(world, asked.fileId, caller);
    if (file === undefined || struck(caller, "file-not-found-after-upload") !== undefined) {
      const message = `Cannot find file ${asked.fileId}, or the project does not have access to it.`;
      return refusalReply(400, { message, param: "file_id", code: null });
    }
    if (file.purpose !== "batch") {
      const message = "The input file must have the purpose 'batch'.";
      return refusalReply(400, { message, param: "file_id", code: null });
    }
    return jsonReply(200, batchObject(await createBatch(world, caller, asked, file)));
  }

  async function retrieve({ id, caller }: Call): Promise<Reply> {
    const standing = await own(id, caller);
    if (standing === undefined || struck(caller, "foreign-batch") !== undefined) return noBatch(id);
    return jsonReply(200, batchObject(standing));
  }

  async function list({ query, caller }: Call): Promise<Reply> {
    const paging = readPaging(query, { usual: 20, most: 100 });
    if (isRefusal(paging)) return refusalReply(400, paging);
    const records = state.batches().filter(({ owner }) => owner === caller.owner);
    const found = pageOf(records, ({ id, course }) => lag.isListed(id, course.createdAtMs, caller), paging);
    if (found === undefined) return noBatch(paging.after ?? "", "after");
    const standings = await Promise.all(found.page.map(({ id }) => runner.look(id)));
    const there = standings.filter((standing) => standing !== undefined);
    return jsonReply(200, listObject(there.map(batchObject), found.more));
  }

  async function cancel({ id, caller }: Call): Promise<Reply> {
    const before = await own(id, caller);
    if (before === undefined) return noBatch(id);
    if (isTerminal(before.progress.status)) {
      const message = `Cannot cancel a batch with status '${before.progress.status}'.`;
      return refusalReply(409, { message, param: null, code: null });
    }
    const standing = await runner.cancel(id);
    return standing === undefined ? noBatch(id) : jsonReply(200, batchObject(standing));
  }

  return [
    { method: "POST", path: "/v1/batches", operation: "create", run: create },
    { method: "GET", path: "/v1/batches", operation: "list", run: list },
    { method: "GET", path: "/v1/batches/:id", operation: "retrieve", run: retrieve },
    { method: "POST", path: "/v1/batches/:id/cancel", operation: "cancel", run: cancel },
  ];
}

function noBatch(id: string, param: string | null = null): Reply {
  return refusalReply(404, { message: `No batch found with id '${id}'.`, param, code: null });
}
