import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { BATCH_LIMITS, type BatchLimits } from "./batch-files.ts";
import { BatchRunner } from "./batches.ts";
import { findRoute } from "./calls.ts";
import { DEFAULT_YIELD } from "./content.ts";
import { type Fault, planFaults, wireFault } from "./faults.ts";
import { type Ledger, readLedger } from "./ledger.ts";
import { simId } from "./random.ts";
import { errorReply, type Reply, SERVER_ERROR } from "./reply.ts";
import { routesOf } from "./routes.ts";
import { send } from "./send.ts";
import type { Simulation } from "./simulation.ts";
import { SimulatorState } from "./state.ts";
import { DEFAULT_TIMING, INSTANT_TIMING, type Timing } from "./timeline.ts";

export interface SimulatorOptions extends Partial<Pick<Simulation, "longestLookMs" | "enqueuedTokenLimits" | "now">> {
  /** Where it keeps files, batches and its ledger; a later server over the same folder goes on from there. */
  readonly stateDir: string;
  readonly seed: number;
  /** 0, the default, takes any free port of 127.0.0.1. */
  readonly port?: number;
  /** `instant`, or what should differ from the default. */
  readonly timing?: "instant" | Partial<Timing>;
  readonly faults?: readonly Fault[];
  readonly keys?: {
    /** Answered with 401. */
    readonly wrong?: readonly string[];
    /** Which project a key belongs to; batches and files of one are invisible to others. */
    readonly projects?: Readonly<Record<string, string>>;
  };
  /** The share of candidates asked for that come out valid and distinct (default 0.345). */
  readonly yield?: number;
  readonly limits?: Partial<BatchLimits>;
  /** Does not keep the process alive (the in-process provider: whoever waits for it holds the process). */
  readonly background?: boolean;
}

export interface Simulator {
  /** `http://127.0.0.1:<port>`; the API is under `/v1`. */
  readonly url: string;
  /** Stops at once: open calls are cut off, as a dying server would. */
  close(): Promise<void>;
  /** The account book, with every batch brought up to the present. */
  ledger(): Promise<Ledger>;
}

/** Starts a server on loopback that speaks OpenAI's wire formats for files, batches, models and what batches may call. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const now = options.now ?? Date.now;
  const plan = planFaults(options.faults ?? [], options.seed);
  const state = new SimulatorState(options.stateDir);
  const simulation: Simulation = {
    state,
    seed: options.seed,
    yieldShare: options.yield ?? DEFAULT_YIELD,
    longestLookMs: options.longestLookMs ?? 5000,
    timing: options.timing === "instant" ? INSTANT_TIMING : { ...DEFAULT_TIMING, ...options.timing },
    limits: { ...BATCH_LIMITS, ...options.limits },
    enqueuedTokenLimits: options.enqueuedTokenLimits ?? {},
    now,
  };
  const runner = new BatchRunner(simulation);
  const routes = routesOf(simulation, runner);

  let calls = 0;
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    response.setHeader("x-dsgen-simulated", "1");
    response.setHeader("openai-version", "2020-10-01");
    // Answers have one of their own, which depends on what was asked.
    response.setHeader("x-request-id", simId("req_", options.seed, url.pathname, now(), ++calls));
    const found = findRoute(routes, request.method ?? "GET", url.pathname);
    if (found === undefined) {
      await drain(request);
      const message = `Invalid URL (${request.method} ${url.pathname})`;
      return send(response, errorReply(404, { message, code: "unknown_url" }));
    }
    const { route, id } = found;
    const owner = whoAsks(request, options.keys);
    if (typeof owner !== "string") {
      await drain(request);
      return send(response, owner);
    }
    const faults = route.operation === undefined ? [] : plan.next(route.operation);
    const { fault, instead, after } = wireFault(faults);
    if (instead !== undefined && instead !== "reset") await drain(request);
    const act = async () => {
      const acted = await route.run({ request, id, query: url.searchParams, owner, faults });
      return after ?? acted;
    };
    const reply = instead ?? (await act());
    if (reply === "reset") request.socket.resetAndDestroy();
    else if (reply !== "hang") await send(response, reply, fault);
  };

  const working = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const work = serve(request, response).catch(async (error: unknown) => {
      // A client that hung up in the middle of its upload ends up here too, and nobody is left to tell.
      if (response.headersSent) response.destroy();
      else
        await send(response, errorReply(500, { ...SERVER_ERROR, message: `The simulator failed: ${String(error)}` }));
    });
    const tracked = work.finally(() => working.delete(tracked));
    working.add(tracked);
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    if (options.background === true) socket.unref();
  });
  const address = await listening(server, options.port ?? 0);
  if (options.background === true) server.unref();

  return {
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
      await runner.stop();
      await Promise.allSettled(working);
    },
    async ledger() {
      for (const { id } of state.batches.all()) await runner.settle(id);
      return readLedger(options.stateDir);
    },
  };
}

function listening(server: ReturnType<typeof createServer>, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("the server has no port"));
      else resolve(address);
    });
  });
}

/** The project a call belongs to, or the refusal it gets. */
function whoAsks(request: IncomingMessage, keys: SimulatorOptions["keys"]): string | Reply {
  const key = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (key === undefined) {
    const message = "You didn't provide an API key. You need to provide your API key in an Authorization header.";
    return errorReply(401, { message });
  }
  if (keys?.wrong?.includes(key) === true) {
    // The API echoes the ends of the key it refuses.
    const shown = `${key.slice(0, 8)}${"*".repeat(12)}${key.slice(-4)}`;
    const message = `Incorrect API key provided: ${shown}. You can find your API key at https://platform.openai.com/account/api-keys.`;
    return errorReply(401, { message, code: "invalid_api_key" });
  }
  const project = request.headers["openai-project"];
  return keys?.projects?.[key] ?? (typeof project === "string" ? project : "default");
}

/** Reads a body to its end: answering in the middle of it would look like a reset to the client. */
async function drain(request: IncomingMessage): Promise<void> {
  request.resume();
  if (request.readableEnded || request.destroyed) return;
  await new Promise<void>((resolve) => {
    request.once("end", resolve);
    request.once("close", resolve);
  });
}
