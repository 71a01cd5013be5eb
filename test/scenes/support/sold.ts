import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { chargesByCustomId } from "../../simulator/counts.ts";
import { startProvider } from "./project.ts";

/**
 * A provider whose answers do not say that they are made up: what the simulator sends, with its mark taken out, as a paying
 * server would send it.
 */
export async function startPayingProvider(options: Parameters<typeof startProvider>[0] = { timing: "instant" }) {
  const provider = await startProvider(options);
  let calls = 0;
  const server = createServer((asked, answer) => {
    calls++;
    const { method, headers, url = "/" } = asked;
    const passed = request(`${provider.url}${url}`, { method, headers }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on("data", (chunk: Buffer) => chunks.push(chunk));
      reply.on("end", () => {
        // As long as the mark, so that lengths stay right.
        const body = Buffer.from(
          Buffer.concat(chunks).toString("latin1").replaceAll("fp_simulated", "fp_0a1b2c3d4"),
          "latin1",
        );
        answer.writeHead(reply.statusCode ?? 500, reply.headers).end(body);
      });
    });
    asked.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    /** Calls so far, of any kind. */
    calls: () => calls,
    /** How often each request was charged for, once all is over. */
    charges: async () => chargesByCustomId(await provider.finalLedger()),
    async remove() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await provider.remove();
    },
  };
}
