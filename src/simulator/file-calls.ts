import { rm } from "node:fs/promises";
import type { JsonObject } from "../graph/json.ts";
import { accepted, type Call, type Lists, type Route } from "./calls.ts";
import { appendToLedger } from "./ledger.ts";
import { receiveForm } from "./multipart.ts";
import { errorReply, jsonReply, type Reply } from "./reply.ts";
import { BATCH_FILE_SECONDS, numberFrom, UPLOAD } from "./requests.ts";
import { type Caller, faultOf, type Simulation } from "./simulation.ts";
import type { FileRecord } from "./state.ts";

/** The calls about files. */
export function fileRoutes(simulation: Simulation, lists: Lists): readonly Route[] {
  const { state, seed, now } = simulation;
  let uploads = 0;

  const one = (use: (file: FileRecord, call: Call) => Reply) => (call: Call) => {
    const file = ownFile(simulation, call.id, call);
    return file === undefined ? noFile(call.id) : use(file, call);
  };

  async function upload({ request, owner }: Call): Promise<Reply> {
    const temporary = state.temporaryPath(`upload-${++uploads}`);
    try {
      const form = await receiveForm(request, request.headers, { files: 1, keepAt: temporary });
      if (!form.ok) return errorReply(400, { message: `Could not parse multipart form: ${form.error}.` });
      const { fields, files } = form.value;
      const file = files.find(({ field }) => field === "file");
      const anchor = fields.get("expires_after[anchor]");
      const seconds = numberFrom(fields.get("expires_after[seconds]"));
      const expires_after = anchor === undefined && seconds === undefined ? undefined : { anchor, seconds };
      const read = accepted(UPLOAD, { purpose: fields.get("purpose"), file: file?.filename, expires_after });
      if (!read.ok) return read.error;
      const { purpose, file: filename } = read.value;
      const id = state.files.claimId("file-", seed, filename, file?.digest ?? "");
      const at = now();
      const expiresAfter = read.value.expires_after?.seconds ?? (purpose === "batch" ? BATCH_FILE_SECONDS : undefined);
      const what = { id, filename, bytes: file?.bytes ?? 0, purpose, createdAtMs: at, expiresAfter, owner };
      const record = state.addFile(temporary, what);
      appendToLedger(state.dir, [{ event: "upload", fileId: id, filename, at }]);
      return jsonReply(200, fileObject(record));
    } finally {
      await rm(temporary, { force: true });
    }
  }

  const list = (call: Call) =>
    lists.reply<FileRecord>(call, {
      limit: [10_000, 10_000],
      own: state.files.all().filter((file) => file.owner === call.owner && isThere(simulation, file)),
      purpose: ({ purpose }) => purpose,
      shown: (page) => page.map(fileObject),
      none: (id) => noFile(id, "after"),
    });

  const content = one(({ id, bytes }, call) =>
    faultOf(call, "output-file-gone") !== undefined
      ? noFile(id)
      : {
          status: 200,
          headers: { "content-type": "application/octet-stream" },
          body: { kind: "file", path: state.contentPath(id), bytes },
        },
  );

  const remove = one(({ id }) => {
    state.removeFile(id);
    return jsonReply(200, { id, object: "file", deleted: true });
  });

  return [
    { method: "POST", path: "/v1/files", operation: "upload", run: upload },
    { method: "GET", path: "/v1/files", operation: "list-files", run: list },
    { method: "GET", path: "/v1/files/:id/content", operation: "download", run: content },
    { method: "GET", path: "/v1/files/:id", run: one((file) => jsonReply(200, fileObject(file))) },
    { method: "DELETE", path: "/v1/files/:id", run: remove },
  ];
}

/** The caller's file, as long as it has not expired. */
export function ownFile(simulation: Simulation, id: string, caller: Caller): FileRecord | undefined {
  const file = simulation.state.files.get(id);
  return file?.owner === caller.owner && isThere(simulation, file) ? file : undefined;
}

function isThere({ now }: Simulation, { createdAtMs, expiresAfter }: FileRecord): boolean {
  return expiresAfter === undefined || now() < createdAtMs + expiresAfter * 1000;
}

function noFile(id: string, param = "id"): Reply {
  return errorReply(404, { message: `No such File object: ${id}`, param });
}

/** A file as the API describes it. */
function fileObject({ id, bytes, createdAtMs, expiresAfter, filename, purpose }: FileRecord): JsonObject {
  const created_at = Math.floor(createdAtMs / 1000);
  return {
    id,
    object: "file",
    bytes,
    created_at,
    expires_at: expiresAfter === undefined ? null : created_at + expiresAfter,
    filename,
    purpose,
    status: "processed",
    status_details: null,
  };
}
