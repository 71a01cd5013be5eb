import { createReadStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import OpenAI from "openai";
import { describe, expect, it, vi } from "vitest";
import type { JsonValue } from "../../src/graph/json.ts";
import { readLedger } from "../../src/simulator/ledger.ts";
import type { SimulatorOptions } from "../../src/simulator/server.ts";
import { PROMPT, requestFile, requestLine, simulator, temporaryFolder } from "./support.ts";

/*
 * The real clients against the simulator, as somebody tests a program of their own with it. Two major versions: what one
 * of them forgives, the other need not.
 */

const { default: OpenAI5 } = await vi.importActual<{ default: typeof OpenAI }>("openai-5");

const MESSAGES: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: PROMPT }];
const WEATHER = {
  type: "object",
  properties: {
    city: { type: "string" },
    unit: { type: "string", enum: ["celsius", "fahrenheit"] },
    days: { type: "integer", minimum: 1, maximum: 7 },
  },
  required: ["city", "unit", "days"],
  additionalProperties: false,
};

describe.each([
  { name: "openai 6", Client: OpenAI },
  { name: "openai 5", Client: OpenAI5 },
])("$name", ({ Client }) => {
  async function connect(options: Partial<SimulatorOptions> = {}) {
    const server = await simulator(options);
    const client = new Client({ apiKey: "test-key", baseURL: `${server.url}/v1`, maxRetries: 0 });
    return { server, client };
  }

  /** The error object of a call that the API refuses. */
  async function refusal(call: PromiseLike<unknown>) {
    const found = await Promise.resolve(call).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(found instanceof Client.APIError)) throw new Error(`no refusal but ${JSON.stringify(found)}`);
    expect(found.requestID).toMatch(/^req_sim/);
    const { status, type, param, code, message } = found;
    return { status, type, param, code, message: message.replace(/^\d+ /, "") };
  }

  describe("streams", () => {
    it("a chat completion: the same text, its usage last", async () => {
      const { client, server } = await connect();
      const again = await connect();
      const body = { model: "gpt-4o-mini", messages: MESSAGES };
      const whole = await client.chat.completions.create(body);
      const stream = await again.client.chat.completions.create({
        ...body,
        stream: true,
        stream_options: { include_usage: true },
      });
      const chunks: OpenAI.ChatCompletionChunk[] = [];
      for await (const chunk of stream) chunks.push(chunk);
      expect(chunks.length).toBeGreaterThan(5);
      expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")).toBe(
        whole.choices[0]?.message.content,
      );
      expect(chunks[0]).toMatchObject({
        object: "chat.completion.chunk",
        system_fingerprint: "fp_simulated",
        choices: [{ delta: { role: "assistant" }, finish_reason: null }],
        usage: null,
      });
      expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe(whole.choices[0]?.finish_reason);
      expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
      expect(readLedger(again.server.stateDir).charges.map((charge) => charge.tokens)).toEqual(
        readLedger(server.stateDir).charges.map((charge) => charge.tokens),
      );
    });

    it("a response, event by event", async () => {
      const { client } = await connect();
      const stream = client.responses.stream({ model: "gpt-4o-mini", input: PROMPT });
      const types: string[] = [];
      let text = "";
      for await (const event of stream) {
        types.push(event.type);
        if (event.type === "response.output_text.delta") text += event.delta;
      }
      const final = await stream.finalResponse();
      expect(types[0]).toBe("response.created");
      expect(types.at(-1)).toBe("response.completed");
      expect(text.length).toBeGreaterThan(20);
      expect(final.output).toMatchObject([{ type: "message", content: [{ type: "output_text", text }] }]);
    });

    it("a completion", async () => {
      const { client } = await connect();
      const stream = await client.completions.create({ model: "gpt-3.5-turbo-instruct", prompt: PROMPT, stream: true });
      let text = "";
      for await (const chunk of stream) text += chunk.choices[0]?.text ?? "";
      expect(text.length).toBeGreaterThan(20);
    });

    it("images as they come to be", async () => {
      const { client } = await connect();
      const stream = await client.images.generate({
        model: "gpt-image-1",
        prompt: "a boat",
        stream: true,
        partial_images: 2,
      });
      const types: string[] = [];
      for await (const event of stream) types.push(event.type);
      expect(types).toEqual([
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
      ]);
    });

    it("with the client's own helper, a call of a function among them", async () => {
      const { client } = await connect();
      const stream = client.chat.completions.stream({
        model: "gpt-4o-mini",
        messages: [{ role: "user", content: "How will the weather be?" }],
        tools: [{ type: "function", function: { name: "weather", parameters: WEATHER, strict: true } }],
      });
      const message = await stream.finalMessage();
      expect(message.tool_calls).toMatchObject([{ type: "function", function: { name: "weather" } }]);
    });

    it("not where there is nothing to stream", async () => {
      const { client } = await connect();
      const body = { model: "text-embedding-3-small", input: "a", stream: true };
      expect(await refusal(client.embeddings.create(body))).toMatchObject({
        status: 400,
        param: "stream",
        code: "unknown_parameter",
      });
      const options = { model: "m", messages: MESSAGES, stream_options: { include_usage: true } };
      expect(await refusal(client.chat.completions.create(options))).toMatchObject({ param: "stream_options" });
    });
  });

  describe("structured outputs", () => {
    const nested = {
      type: "object",
      properties: {
        title: { type: "string" },
        steps: { type: "array", items: { $ref: "#/$defs/step" }, minItems: 1, maxItems: 4 },
        mood: { anyOf: [{ type: "string", enum: ["calm", "busy"] }, { type: "null" }] },
        link: { type: ["string", "null"], format: "uri" },
      },
      required: ["title", "steps", "mood", "link"],
      additionalProperties: false,
      $defs: {
        step: {
          type: "object",
          properties: { text: { type: "string" }, minutes: { type: "number", exclusiveMinimum: 2, maximum: 3 } },
          required: ["text", "minutes"],
          additionalProperties: false,
        },
      },
    };
    const format = { type: "json_schema" as const, json_schema: { name: "recipe", strict: true, schema: nested } };
    const ask = { model: "gpt-4o-mini", messages: [{ role: "user" as const, content: "How do I boil an egg?" }] };

    it("follow the schema, alike for the same seed", async () => {
      const first = await connect({ seed: 5 });
      const second = await connect({ seed: 5 });
      for (let turn = 0; turn < 20; turn++) {
        const { choices } = await first.client.chat.completions.create({ ...ask, response_format: format });
        const value: unknown = JSON.parse(choices[0]?.message.content ?? "");
        expect(value).toEqual({
          title: expect.any(String),
          steps: expect.any(Array),
          mood: expect.toSatisfy((mood: unknown) => mood === null || mood === "calm" || mood === "busy"),
          link: expect.toSatisfy((link: unknown) => link === null || URL.canParse(String(link))),
        });
        const { steps }: { steps: JsonValue[] } = JSON.parse(choices[0]?.message.content ?? "");
        expect(steps.length).toBeGreaterThanOrEqual(1);
        expect(steps.length).toBeLessThanOrEqual(4);
        for (const step of steps) {
          expect(step).toEqual({
            text: expect.any(String),
            minutes: expect.toSatisfy((minutes: unknown) => Number(minutes) > 2 && Number(minutes) <= 3),
          });
        }
        const twin = await second.client.chat.completions.create({ ...ask, response_format: format });
        expect(twin.choices).toEqual(choices);
      }
    });

    it("are parsed by the client, and by that of the Responses API", async () => {
      const { client } = await connect();
      const parsed = await client.chat.completions.parse({ ...ask, response_format: format });
      expect(parsed.choices[0]?.message.parsed).toMatchObject({ title: expect.any(String) });
      const response = await client.responses.parse({
        model: "gpt-4o-mini",
        input: "How do I boil an egg?",
        text: { format: { type: "json_schema", name: "recipe", strict: true, schema: nested } },
      });
      expect(response.output_parsed).toMatchObject({ title: expect.any(String) });
    });

    it("are refused where the API refuses their schema", async () => {
      const { client } = await connect();
      const open = { ...nested, additionalProperties: true };
      const loose = { ...format, json_schema: { ...format.json_schema, schema: open } };
      expect(await refusal(client.chat.completions.create({ ...ask, response_format: loose }))).toEqual({
        status: 400,
        type: "invalid_request_error",
        param: "response_format",
        code: null,
        message:
          "Invalid schema for response_format 'recipe': In context=(), 'additionalProperties' is required to be supplied and to be false.",
      });
      const partial = { ...nested, required: ["title"] };
      const lacking = { type: "json_schema" as const, name: "recipe", strict: true, schema: partial };
      const call = client.responses.create({ model: "m", input: "x", text: { format: lacking } });
      expect(await refusal(call)).toMatchObject({ param: "text.format.schema", code: "invalid_json_schema" });
    });
  });

  describe("tools", () => {
    const tool = { name: "weather", parameters: WEATHER, strict: true };
    const fits = {
      city: expect.any(String),
      unit: expect.stringMatching(/^(celsius|fahrenheit)$/),
      days: expect.any(Number),
    };

    it("are called with arguments by their schema, and answered in words once they have answered", async () => {
      const { client } = await connect();
      const tools = [{ type: "function" as const, function: tool }];
      const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "How will the weather be?" }];
      const first = await client.chat.completions.create({ model: "gpt-4o-mini", messages, tools });
      const call = first.choices[0]?.message.tool_calls?.[0];
      expect(first.choices[0]).toMatchObject({ finish_reason: "tool_calls", message: { content: null } });
      if (call?.type !== "function") throw new Error("no function was called");
      expect(JSON.parse(call.function.arguments)).toEqual(fits);
      messages.push({ role: "assistant", tool_calls: [call] });
      messages.push({ role: "tool", tool_call_id: call.id, content: "sunny" });
      const second = await client.chat.completions.create({ model: "gpt-4o-mini", messages, tools });
      expect(second.choices[0]?.message.tool_calls).toBeUndefined();
      expect(second.choices[0]?.finish_reason).not.toBe("tool_calls");
    });

    it("are called or not as tool_choice says", async () => {
      const { client } = await connect();
      const tools = [tool, { ...tool, name: "tides" }].map((one) => ({ type: "function" as const, function: one }));
      const ask = { model: "m", messages: [{ role: "user" as const, content: "Hi" }], tools };
      const none = await client.chat.completions.create({ ...ask, tool_choice: "none" });
      expect(none.choices[0]?.message.tool_calls).toBeUndefined();
      const named = { type: "function" as const, function: { name: "tides" } };
      const tides = await client.chat.completions.create({ ...ask, tool_choice: named });
      expect(tides.choices[0]?.message.tool_calls).toMatchObject([{ function: { name: "tides" } }]);
      const unknown = { type: "function" as const, function: { name: "moon" } };
      expect(await refusal(client.chat.completions.create({ ...ask, tool_choice: unknown }))).toMatchObject({
        status: 400,
        param: "tool_choice",
      });
    });

    it("of the Responses API are items of the output", async () => {
      const { client } = await connect();
      const ask = { model: "m", input: "Hi", tools: [{ type: "function" as const, ...tool }] };
      const { output } = await client.responses.create(ask);
      const call = output[0];
      if (call?.type !== "function_call") throw new Error("no function was called");
      expect(JSON.parse(call.arguments)).toEqual(fits);
      const input = [
        { role: "user" as const, content: "Hi" },
        call,
        { type: "function_call_output" as const, call_id: call.call_id, output: "sunny" },
      ];
      const after = await client.responses.create({ ...ask, input });
      expect(after.output[0]?.type).toBe("message");
      const stream = client.responses.stream(ask);
      const types = new Set<string>();
      for await (const event of stream) types.add(event.type);
      expect([...types]).toEqual(expect.arrayContaining(["response.function_call_arguments.done"]));
    });
  });

  describe("other endpoints", () => {
    it("lists and retrieves models", async () => {
      const { client } = await connect();
      const ids: string[] = [];
      for await (const model of client.models.list()) ids.push(model.id);
      expect(ids).toEqual(expect.arrayContaining(["gpt-4o", "gpt-4o-mini", "text-embedding-3-small"]));
      expect(await client.models.retrieve("gpt-4o")).toMatchObject({ id: "gpt-4o", object: "model" });
      expect(await refusal(client.models.retrieve("gpt-0"))).toEqual({
        status: 404,
        type: "invalid_request_error",
        param: "model",
        code: "model_not_found",
        message: "The model 'gpt-0' does not exist",
      });
    });

    it("completes text, for each prompt and each n", async () => {
      const { client } = await connect();
      const made = await client.completions.create({
        model: "gpt-3.5-turbo-instruct",
        prompt: ["Write exactly 3 pairs.", "Write exactly 4 pairs."],
        n: 2,
        max_tokens: 500,
      });
      expect(made).toMatchObject({ object: "text_completion", usage: { total_tokens: expect.any(Number) } });
      expect(made.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
      const short = await client.completions.create({ model: "gpt-3.5-turbo-instruct", prompt: PROMPT });
      // The documented default is 16 tokens.
      expect(short).toMatchObject({ choices: [{ finish_reason: "length" }], usage: { completion_tokens: 16 } });
    });

    it("moderates texts", async () => {
      const { client } = await connect();
      const { results, model } = await client.moderations.create({ input: ["a cake", "how to kill somebody"] });
      expect(model).toBe("omni-moderation-latest");
      expect(results.map(({ flagged }) => flagged)).toEqual([false, true]);
      expect(results[1]?.categories.violence).toBe(true);
      expect(Object.keys(results[0]?.category_scores ?? {}).length).toBe(13);
    });

    it("makes images, edits them and varies them", async () => {
      const { client } = await connect();
      const made = await client.images.generate({ model: "gpt-image-1", prompt: "a boat", size: "1536x1024", n: 2 });
      expect(made.data?.length).toBe(2);
      const png = Buffer.from(made.data?.[0]?.b64_json ?? "", "base64");
      expect(png.subarray(1, 4).toString()).toBe("PNG");
      expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1536, 1024]);
      const drawn = await client.images.generate({ model: "dall-e-3", prompt: "a boat" });
      expect(drawn.data?.[0]?.url).toMatch(/^data:image\/png;base64,/);
      const path = join(temporaryFolder(), "a.png");
      writeFileSync(path, png);
      const edited = await client.images.edit({
        model: "gpt-image-1",
        image: [createReadStream(path), createReadStream(path)],
        prompt: "bluer",
      });
      expect(edited.data?.[0]?.b64_json).toMatch(/^iVBOR/);
      const varied = await client.images.createVariation({ image: createReadStream(path), n: 3 });
      expect(varied.data?.length).toBe(3);
      expect(await refusal(client.images.generate({ prompt: "a boat", n: 11 }))).toMatchObject({ param: "n" });
    });
  });

  describe("files and batches", () => {
    const file = (lines: number | readonly string[] = 3) => createReadStream(requestFile(lines).path);

    it("go the whole way, each reply with its x-request-id", async () => {
      const { client } = await connect();
      const made = client.files.create({ file: file(), purpose: "batch" });
      const { data: uploaded, request_id } = await made.withResponse();
      expect(request_id).toMatch(/^req_sim/);
      const seconds = 3600;
      const batch = await client.batches.create({
        input_file_id: uploaded.id,
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
        output_expires_after: { anchor: "created_at", seconds },
      });
      const { data: done, request_id: other } = await client.batches.retrieve(batch.id).withResponse();
      expect(other).toMatch(/^req_sim/);
      expect(other).not.toBe(request_id);
      expect(done.status).toBe("completed");
      const output = await client.files.retrieve(done.output_file_id ?? "");
      expect(output.expires_at).toBe(output.created_at + seconds);
      const text = await (await client.files.content(output.id)).text();
      expect(text.trimEnd().split("\n").length).toBe(3);
    });

    it.each(["/v1/completions", "/v1/moderations", "/v1/images/generations", "/v1/images/edits"] as const)(
      "batch %s",
      async (url) => {
        const { client } = await connect();
        const body = { model: "gpt-image-1", prompt: "a boat", input: "a boat" };
        const lines = [requestLine(0, { url, body })];
        const { id } = await client.files.create({ file: file(lines), purpose: "batch" });
        const made = await client.batches.create({ input_file_id: id, endpoint: url, completion_window: "24h" });
        const done = await client.batches.retrieve(made.id);
        expect(done).toMatchObject({ status: "completed", request_counts: { completed: 1, failed: 0 } });
      },
    );

    it("expire when they were told to", async () => {
      let now = 1_795_000_000_000;
      const { client } = await connect({ now: () => now });
      const kept = await client.files.create({ file: file(), purpose: "user_data" });
      const usual = await client.files.create({ file: file(), purpose: "batch" });
      const brief = await client.files.create({
        file: file(),
        purpose: "batch",
        expires_after: { anchor: "created_at", seconds: 7200 },
      });
      expect(kept.expires_at ?? null).toBeNull();
      expect(usual.expires_at).toBe(usual.created_at + 30 * 24 * 3600);
      expect(brief.expires_at).toBe(brief.created_at + 7200);
      now += 7_199_000;
      expect((await client.files.retrieve(brief.id)).id).toBe(brief.id);
      now += 1000;
      expect(await refusal(client.files.retrieve(brief.id))).toMatchObject({ status: 404 });
      expect(await refusal(client.files.content(brief.id))).toMatchObject({ status: 404 });
      const listed: string[] = [];
      for await (const { id } of client.files.list()) listed.push(id);
      expect(listed).toEqual([usual.id, kept.id]);
    });

    it("are refused with a wrong purpose or a wrong expiry", async () => {
      const { client } = await connect();
      const upload = (extra: object) => {
        const params: OpenAI.FileCreateParams = { file: file(), purpose: "batch", ...extra };
        return refusal(client.files.create(params));
      };
      expect(await upload({ purpose: "answers" })).toEqual({
        status: 400,
        type: "invalid_request_error",
        param: "purpose",
        code: "invalid_value",
        message:
          "Invalid value: 'answers'. Supported values are: 'assistants', 'batch', 'fine-tune', 'vision', 'user_data', and 'evals'.",
      });
      const expiring = (anchor: string, seconds: number) => ({ expires_after: { anchor, seconds } });
      expect(await upload(expiring("created_at", 10))).toMatchObject({
        param: "expires_after.seconds",
        code: "integer_below_min_value",
      });
      expect(await upload(expiring("created_at", 2_592_001))).toMatchObject({ code: "integer_above_max_value" });
      expect(await upload(expiring("last_used", 3600))).toMatchObject({ param: "expires_after.anchor" });
      const { id } = await client.files.create({ file: file(), purpose: "batch" });
      const create = (extra: object) => {
        const params: OpenAI.BatchCreateParams = {
          input_file_id: id,
          endpoint: "/v1/chat/completions",
          completion_window: "24h",
          ...extra,
        };
        return refusal(client.batches.create(params));
      };
      expect(await create({ output_expires_after: { anchor: "created_at", seconds: 3599 } })).toMatchObject({
        param: "output_expires_after.seconds",
        code: "integer_below_min_value",
      });
      expect(await create({ completion_window: "1h" })).toMatchObject({ param: "completion_window" });
      expect(await create({ endpoint: "/v1/audio/speech" })).toMatchObject({ param: "endpoint" });
    });

    it("are not listed beyond a cursor that is unknown, nor with a limit out of range", async () => {
      const { client } = await connect();
      const made = [1, 2, 3].map(() => client.files.create({ file: file(), purpose: "batch" }));
      await Promise.all(made);
      for (const list of [client.batches, client.files]) {
        const most = list === client.batches ? 100 : 10_000;
        expect(await refusal(list.list({ limit: most + 1 }))).toEqual({
          status: 400,
          type: "invalid_request_error",
          param: "limit",
          code: "integer_above_max_value",
          message: `Invalid 'limit': integer above maximum value. Expected a value <= ${most}, but got ${most + 1} instead.`,
        });
        expect(await refusal(list.list({ limit: 0 }))).toMatchObject({ code: "integer_below_min_value" });
        expect(await refusal(list.list({ limit: 1.5 }))).toMatchObject({ param: "limit", code: "invalid_type" });
        expect(await refusal(list.list({ after: "nothing-like-it" }))).toMatchObject({ status: 404, param: "after" });
      }
      const order = { order: "upwards" };
      expect(await refusal(client.files.list({ ...order, order: "asc", limit: -1 }))).toMatchObject({ status: 400 });
      expect((await client.files.list({ limit: 2 })).data.length).toBe(2);
      // The documented default of files is all of them.
      expect((await client.files.list()).data.length).toBe(3);
    });

    it("fail validation for a line that streams", async () => {
      const { client, server } = await connect();
      const body = { model: "gpt-4o-mini", messages: MESSAGES, stream: true };
      const { id } = await client.files.create({
        file: file([requestLine(0), requestLine(1, { body })]),
        purpose: "batch",
      });
      const made = await client.batches.create({
        input_file_id: id,
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
      });
      const done = await client.batches.retrieve(made.id);
      expect(done).toMatchObject({
        status: "failed",
        errors: { data: [{ line: 2, param: "body.stream", message: expect.stringContaining("stream") }] },
      });
      expect((await server.ledger()).charges).toEqual([]);
    });

    it("outlive the deletion of their input", async () => {
      const { client } = await connect();
      const { id } = await client.files.create({ file: file(), purpose: "batch" });
      const made = await client.batches.create({
        input_file_id: id,
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
      });
      expect(await client.files.delete(id)).toMatchObject({ deleted: true });
      expect((await client.batches.retrieve(made.id)).status).toBe("completed");
    });
  });
});
