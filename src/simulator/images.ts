import { crc32, deflateSync } from "node:zlib";
import { digestOf } from "../graph/digest.ts";
import { canonicalJson, type JsonObject, type JsonValue } from "../graph/json.ts";
import { promptText } from "./prompt.ts";
import { type Answered, estimateTokens, made, type Question } from "./question.ts";
import { eventFrame } from "./sse.ts";

const SIZES: Readonly<Record<string, readonly [number, number]>> = { auto: [1024, 1024] };

/**
 * The Images API: PNGs of one colour, which the request decides. The `gpt-image` models answer in base64, as there; others
 * with an address, here one that holds its own picture (`data:`).
 */
export function images(question: Question): Answered {
  const { body, seed, variation, endpoint } = question;
  const model = String(body["model"] ?? "dall-e-2");
  const modern = model.startsWith("gpt-image");
  const encoded = modern || body["response_format"] === "b64_json";
  const size = String(body["size"] ?? "auto");
  const [width, height] = SIZES[size] ?? size.split("x").map(Number);
  const { stream: _, partial_images: partial, ...asked } = body;
  const key = digestOf(canonicalJson({ ...asked, endpoint }));
  const draw = (nth: number) => png(width ?? 1024, height ?? 1024, digestOf(`${seed} ${key} ${variation} ${nth}`));
  const wanted = typeof body["n"] === "number" ? body["n"] : 1;
  const tokens = { input: modern ? estimateTokens(promptText(body)) : 0, output: modern ? wanted * 1056 : 0 };
  const created = made(seed, key, variation);
  const looks = { background: "opaque", output_format: "png", quality: "medium", size: `${width}x${height}` };
  const usage: JsonObject = {
    input_tokens: tokens.input,
    input_tokens_details: { text_tokens: tokens.input, image_tokens: 0 },
    output_tokens: tokens.output,
    total_tokens: tokens.input + tokens.output,
  };
  return {
    status: 200,
    tokens,
    body: () => ({
      created,
      ...(modern ? looks : {}),
      data: Array.from({ length: wanted }, (_one, nth) => {
        const picture = draw(nth);
        return encoded ? { b64_json: picture } : { url: `data:image/png;base64,${picture}` };
      }),
      ...(modern ? { usage } : {}),
    }),
    frames: () => {
      const kind = endpoint === "/v1/images/edits" ? "image_edit" : "image_generation";
      const event = (name: string, extra: JsonObject) =>
        eventFrame({ type: `${kind}.${name}`, b64_json: draw(0), created_at: created, ...looks, ...extra });
      const before = Array.from({ length: partialImages(partial) }, (_one, index) =>
        event("partial_image", { partial_image_index: index }),
      );
      return [...before, event("completed", { usage })];
    },
  };
}

/** At most three, as documented. */
function partialImages(value: JsonValue | undefined): number {
  return typeof value === "number" && value > 0 ? Math.min(Math.floor(value), 3) : 0;
}

/** A picture of one colour, as base64. One bit a pixel keeps a large one small. */
function png(width: number, height: number, colour: string): string {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([1, 3], 8); // bit depth, and colours from a palette
  const rows = Buffer.alloc(height * (1 + Math.ceil(width / 8)));
  const chunks = [
    chunk("IHDR", header),
    chunk("PLTE", Buffer.from(colour.slice(0, 6), "hex")),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ];
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), ...chunks]).toString("base64");
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(named.length + 8);
  framed.writeUInt32BE(data.length, 0);
  named.copy(framed, 4);
  framed.writeUInt32BE(crc32(named), named.length + 4);
  return framed;
}
