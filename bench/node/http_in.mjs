// The half that the two Node gateways share: HTTP in. `POST /@connections/{id}` with the frame as its body, as
// API Gateway has it, without signatures. What a push does is the caller's: see ws_gateway.mjs.

import { createServer } from "node:http";

const PREFIX = "/@connections/";

/**
 * An HTTP server that answers every POST with 200, or with 410 when there is nobody with that id.
 *
 * @param {(id: string, body: Buffer) => boolean} push sends one frame; false for an id that is not there
 */
export function createPushServer(push) {
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      response.sendDate = false;
      response.writeHead(status(request, chunks, push), { "Content-Length": 0 });
      response.end();
    });
  });
  // The default of 5 seconds would make a pusher reconnect between two measurements.
  server.keepAliveTimeout = 120_000;
  return server;
}

function status(request, chunks, push) {
  if (request.method !== "POST" || !request.url.startsWith(PREFIX)) return 403;
  const id = decodeURIComponent(request.url.slice(PREFIX.length));
  // Most bodies come in one piece, which need not be copied.
  return push(id, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)) ? 200 : 410;
}

/** Listens on a free port, says so as `{"port": n}` on standard output, and ends the process on SIGTERM. */
export function listen(server) {
  process.on("SIGTERM", () => process.exit(0));
  server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
}
