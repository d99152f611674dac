// What somebody on Node would put in place of our gateway: HTTP in, `ws` out, on one port.
//
//     node bench/node/ws_gateway.mjs
//
// Prints {"port": n} when it listens. Connections are named c0, c1, … in the order in which they come.
// A client that connects with `?tell-id` is told its own in a first frame, {"connectionId": "c0"}.

import { WebSocketServer } from "ws";

import { createPushServer, listen } from "./http_in.mjs";

const sockets = new Map();
let connected = 0;

const server = createPushServer((id, body) => {
  const socket = sockets.get(id);
  if (socket === undefined || socket.readyState !== socket.OPEN) return false;
  // The body is bytes already: sent as text, it need not be decoded and encoded again.
  socket.send(body, { binary: false });
  return true;
});

new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (socket, request) => {
  const id = `c${connected++}`;
  sockets.set(id, socket);
  socket.on("close", () => sockets.delete(id));
  socket.on("error", () => socket.terminate());
  if (request.url.endsWith("?tell-id")) socket.send(JSON.stringify({ connectionId: id }));
});

listen(server);
