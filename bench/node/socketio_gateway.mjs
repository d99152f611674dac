// The same as ws_gateway.mjs with Socket.IO in place of bare `ws`: HTTP in, `socket.emit("m", text)` out.
//
//     node bench/node/socketio_gateway.mjs
//
// WebSocket only: no polling that is upgraded later, and no compression.

import { Server } from "socket.io";

import { createPushServer, listen } from "./http_in.mjs";

const sockets = new Map();
let connected = 0;

const server = createPushServer((id, body) => {
  const socket = sockets.get(id);
  if (socket === undefined || !socket.connected) return false;
  socket.emit("m", body.toString());
  return true;
});

const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });
io.on("connection", (socket) => {
  const id = `c${connected++}`;
  sockets.set(id, socket);
  socket.on("disconnect", () => sockets.delete(id));
});

listen(server);
