import { rename, rm } from "node:fs/promises";
import { type Call, isRefusal, type Route } from "./calls.ts";
import { BATCH_FILE_SECONDS, readExpiry } from "./expiry.ts";
import { appendToLedger } from "./ledger.ts";
import { listObject, pageOf, readPaging } from "./listing.ts";
import { type Form, receiveForm } from "./multipart.ts";
import { fileObject } from "./objects.ts";
import { invalidValue, missing, type Refusal } from "./refusal.ts";
import { jsonReply, type Reply, refusalReply } from "./reply.ts";
import type { FileRecord } from "./state.ts";
import { type Caller, type ListingLag, struck, type World } from "./world.ts";

/** What a file may be uploaded for. */
const PURPOSES = ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"] as const;

/** The calls about files. */
export function fileRoutes(world: World, lag: ListingLag): readonly Route[] {
  const { state } = world;
  let uploads = 0;

  const one = (use: (file: FileRecord) => Reply) => (call: Call) => {
    const file = ownFile(world, call.id, call.caller);
    return file === undefined ? noFile(call.id) : use(file);
  };

  async function upload({ request, caller }: Call): Promise<Reply> {
    const temporary = state.temporaryPath(`upload-${++uploads}`);
    try {
      const form = await receiveForm(request, request.headers, { files: 1, keepAt: temporary });
      if (!form.ok) {
        return refusalReply(400, {
          message: `Could not parse multipart form: ${form.error}.`,
          param: null,
          code: null,
        });
      }
      const asked = readUpload(form.value);
      if (isRefusal(asked)) return refusalReply(400, asked);
      const { file, purpose, expiresAfter } = asked;
      const id = state.claimId("files", "file-", world.seed, file.filename, file.digest);
      const at = world.now();
      const record: FileRecord = {
        v: 1,
        id,
        order: state.nextOrder(at),
        filename: file.filename,
        bytes: file.bytes,
        purpose,
        createdAtMs: at,
        expiresAfter,
        owner: caller.owner,
      };
      await rename(temporary, state.contentPath(id));
      state.saveFile(record);
      appendToLedger(state.dir, [{ event: "upload", fileId: id, filename: file.filename, at }]);
      return jsonReply(200, fileObject(record));
    } finally {
      await rm(temporary, { force: true });
    }
  }

  function list({ query, caller }: Call): Reply {
    const paging = readPaging(query, { usual: 10_000, most: 10_000 });
    if (isRefusal(paging)) return refusalReply(400, paging);
    const purpose = query.get("purpose");
    const own = state.files().filter((file) => file.owner === caller.owner && isThere(world, file));
    const found = pageOf(
      own,
      (file) => lag.isListed(file.id, file.createdAtMs, caller) && (purpose === null || file.purpose === purpose),
      paging,
    );
    if (found === undefined) return noFile(paging.after ?? "", "after");
    return jsonReply(200, listObject(found.page.map(fileObject), found.more));
  }

  function content({ id, caller }: Call): Reply {
    const file = ownFile(world, id, caller);
    if (file === undefined || struck(caller, "output-file-gone") !== undefined) return noFile(id);
    return {
      status: 200,
      headers: { "content-type": "application/octet-stream" },
      body: { kind: "file", path: state.contentPath(id), bytes: file.bytes },
    };
  }

  const remove = (file: FileRecord) => {
    state.removeFile(file.id);
    return jsonReply(200, { id: file.id, object: "file", deleted: true });
  };

  return [
    { method: "POST", path: "/v1/files", operation: "upload", run: upload },
    { method: "GET", path: "/v1/files", operation: "list-files", run: list },
    { method: "GET", path: "/v1/files/:id/content", operation: "download", run: content },
    {
      method: "GET",
      path: "/v1/files/:id",
      operation: undefined,
      run: one((file) => jsonReply(200, fileObject(file))),
    },
    { method: "DELETE", path: "/v1/files/:id", operation: undefined, run: one(remove) },
  ];
}

/** The caller's file, as long as it has not expired. */
export function ownFile(world: World, id: string, caller: Caller): FileRecord | undefined {
  const file = world.state.file(id);
  return file?.owner === caller.owner && isThere(world, file) ? file : undefined;
}

function isThere(world: World, { createdAtMs, expiresAfter }: FileRecord): boolean {
  return expiresAfter === undefined || world.now() < createdAtMs + expiresAfter * 1000;
}

type Upload = Pick<FileRecord, "purpose" | "expiresAfter"> & { readonly file: Form["files"][number] };

function readUpload({ fields, files }: Form): Upload | Refusal {
  const purpose = fields.get("purpose");
  if (purpose === undefined) return missing("purpose");
  if (!PURPOSES.some((one) => one === purpose)) return invalidValue("purpose", purpose, PURPOSES);
  const file = files.find(({ field }) => field === "file");
  if (file === undefined) return missing("file");
  if (purpose === "batch" && !file.filename.endsWith(".jsonl")) {
    return { message: "Invalid file format for Batch API. Must be .jsonl", param: null, code: null };
  }
  const anchor = fields.get("expires_after[anchor]");
  const seconds = fields.get("expires_after[seconds]");
  if (anchor === undefined && seconds === undefined) {
    return { file, purpose, expiresAfter: purpose === "batch" ? BATCH_FILE_SECONDS : undefined };
  }
  const written = seconds === undefined || !/^-?\d+$/.test(seconds) ? seconds : Number(seconds);
  const expiry = {
    ...(anchor === undefined ? {} : { anchor }),
    ...(written === undefined ? {} : { seconds: written }),
  };
  const expiresAfter = readExpiry("expires_after", expiry);
  return typeof expiresAfter === "number" ? { file, purpose, expiresAfter } : expiresAfter;
}

function noFile(id: string, param = "id"): Reply {
  return refusalReply(404, { message: `No such File object: ${id}`, param, code: null });
}
