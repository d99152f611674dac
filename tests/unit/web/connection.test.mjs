import assert from "node:assert/strict";
import { test } from "node:test";

import { backoff } from "../../../clients/web/podium/backoff.js";
import { PING_MS } from "../../../clients/web/podium/constants.js";
import { entry, FakeServer, makeClient, makeWatcher, settle, snapshot } from "./harness.mjs";

const states = (events) => events.filter(([name]) => name === "state").map(([, state]) => state);

test("backoff is anywhere under a bound that doubles up to 30 seconds", () => {
  const bounds = [0, 1, 2, 3, 4, 5, 6, 7, 1000].map((failures) => backoff(failures, () => 1));
  assert.deepEqual(bounds, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  assert.equal(backoff(4, () => 0), 0);
  assert.equal(backoff(4, () => 0.5), 4000);
});

test("no connection without a player, and none without a board", async () => {
  const visitor = await makeClient();
  visitor.podium.subscribe("forest", () => {});
  await settle();
  assert.equal(visitor.sockets.length, 0);
  await visitor.podium.playAsGuest();
  await settle();
  assert.equal(visitor.sockets.length, 1);

  const player = await makeClient();
  await player.podium.playAsGuest();
  await settle();
  assert.equal(player.sockets.length, 0);
});

test("after a reconnect it subscribes again with the versions held", async () => {
  const { socket, sockets, clock, events } = await makeWatcher();
  socket().push(snapshot(3, [entry("a", 1)]));
  socket().drop();
  await clock.advance(500);
  assert.equal(sockets.length, 2);
  socket().open();
  assert.deepEqual(socket().take(), [
    { action: "subscribe", boards: ["forest"], versions: { forest: { epoch: 7, version: 3 } } },
  ]);
  assert.deepEqual(states(events), ["connecting", "live", "reconnecting", "live"]);
});

test("what an abandoned socket still says is not heard", async () => {
  const { sockets, clock, updates } = await makeWatcher();
  await clock.advance(10_000); // no answer to the subscribe
  await clock.advance(500);
  sockets[1].open();
  sockets[0].push(snapshot(9));
  sockets[0].drop();
  assert.deepEqual(updates, []);
  assert.equal(sockets.length, 2);
});

test("each failure in a row doubles the bound; a stable connection forgets them", async () => {
  const { socket, clock } = await makeWatcher();
  for (const bound of [500, 1000, 2000]) {
    socket().drop();
    assert.deepEqual(clock.delays, [bound]);
    await clock.advance(bound);
  }
  socket().open();
  socket().push(snapshot(1));
  await clock.advance(59_999);
  socket().drop();
  assert.deepEqual(clock.delays, [4000]);
  await clock.advance(4000);
  socket().open();
  socket().push(snapshot(1));
  await clock.advance(60_000);
  socket().drop();
  assert.deepEqual(clock.delays, [500]);
});

test("a handshake without an answer is tried again", async () => {
  const { socket, sockets, clock } = await makeWatcher();
  socket().drop();
  await clock.advance(500);
  await clock.advance(10_000);
  assert.equal(sockets[1].closed, true);
  await clock.advance(1000);
  assert.equal(sockets.length, 3);
});

test("pings every five minutes with the versions held, as long as pongs come", async () => {
  const { podium, socket, clock } = await makeWatcher();
  socket().push(snapshot(3));
  socket().take();
  for (let round = 0; round < 3; round++) {
    await clock.advance(PING_MS - 1);
    assert.deepEqual(socket().take(), []);
    await clock.advance(1);
    assert.deepEqual(socket().take(), [{ action: "ping", versions: { forest: { epoch: 7, version: 3 } } }]);
    socket().push({ type: "pong" });
  }
  assert.equal(podium.state, "live");
});

test("no pong within ten seconds is a dead connection", async () => {
  const { podium, socket, clock } = await makeWatcher();
  socket().push(snapshot(3));
  await clock.advance(PING_MS + 9_999);
  assert.equal(podium.state, "live");
  await clock.advance(1);
  assert.equal(podium.state, "reconnecting");
  assert.equal(socket().closed, true);
});

test("reconnect() does not wait for the backoff, and pings where the connection stands", async () => {
  const { podium, socket, sockets, clock } = await makeWatcher();
  socket().drop();
  podium.reconnect();
  await settle();
  assert.equal(sockets.length, 2);
  socket().open();
  socket().push(snapshot(3));
  socket().take();
  podium.reconnect();
  podium.reconnect();
  assert.deepEqual(socket().take().map(({ action }) => action), ["ping"]);
  socket().push({ type: "pong" });
  await clock.advance(10_000);
  assert.equal(podium.state, "live");
  assert.equal(clock.delays.filter((delay) => delay === PING_MS).length, 1);
});

test("the browser's online event reconnects at once, until the client is closed", async () => {
  const page = new EventTarget();
  globalThis.addEventListener = page.addEventListener.bind(page);
  globalThis.removeEventListener = page.removeEventListener.bind(page);
  try {
    const { podium, socket, sockets } = await makeWatcher();
    socket().drop();
    page.dispatchEvent(new Event("online"));
    await settle();
    assert.equal(sockets.length, 2);
    podium.close();
    page.dispatchEvent(new Event("online"));
    await settle();
    assert.equal(sockets.length, 2);
    assert.equal(podium.state, "offline");
  } finally {
    delete globalThis.addEventListener;
    delete globalThis.removeEventListener;
  }
});

test("a refused handshake is tried with a fresh token, once an outage", async () => {
  const { socket, sockets, clock, server } = await makeWatcher();
  const refreshes = () => server.calls.filter(({ body }) => body?.AuthFlow === "REFRESH_TOKEN_AUTH").length;
  socket().drop();
  await clock.advance(500);
  assert.equal(refreshes(), 0); // the connection was open before: nothing speaks against its token
  for (const bound of [1000, 2000, 4000]) {
    socket().drop();
    await clock.advance(bound);
    assert.equal(refreshes(), 1);
  }
  assert.notEqual(sockets[2].protocols[1], sockets[1].protocols[1]);
  assert.equal(sockets[3].protocols[1], sockets[2].protocols[1]);
  socket().open();
  socket().drop();
  await clock.advance(8000);
  socket().drop();
  await clock.advance(16_000);
  assert.equal(refreshes(), 2);
});

test("a token service that is down is no reason to give up", async () => {
  const server = new FakeServer();
  const { socket, sockets, clock, podium } = await makeWatcher("forest", { server });
  await clock.advance(500);
  socket().drop();
  await clock.advance(500);
  server.refuse.set("InitiateAuth", "InternalErrorException");
  socket().drop();
  await clock.advance(1000);
  assert.equal(sockets.length, 2);
  assert.equal(podium.state, "reconnecting");
  server.refuse.clear();
  await clock.advance(2000);
  assert.equal(sockets.length, 3);
});

test("signing out goes offline, and the next player gets a connection with a token of its own", async () => {
  const { podium, sockets, socket, clock } = await makeWatcher();
  const { protocols } = socket();
  await podium.signOut();
  assert.equal(podium.state, "offline");
  assert.equal(socket().closed, true);
  assert.deepEqual(clock.delays, []);
  await podium.playAsGuest();
  await settle();
  assert.equal(sockets.length, 2);
  assert.notEqual(socket().protocols[1], protocols[1]);
});

test("a session that is over goes offline and says so", async () => {
  const { podium, socket, clock, server, events } = await makeWatcher();
  socket().push(snapshot(1));
  server.users.clear();
  socket().drop();
  await clock.advance(500);
  socket().drop();
  await clock.advance(1000);
  assert.equal(podium.user, null);
  assert.equal(podium.state, "offline");
  assert.ok(events.some(([name, error]) => name === "error" && error.code === "NotAuthorizedException"));
  assert.deepEqual(clock.delays, []);
});

/** A watcher whose handshakes are refused from now on; the requests that REST got meanwhile. */
async function refuse(client, handshakes) {
  const { socket, clock, server } = client;
  socket().drop();
  await clock.advance(500);
  server.calls.length = 0;
  for (let number = 0; number < handshakes && client.podium.user; number++) {
    socket().drop();
    await clock.advance(1000 * 2 ** number);
  }
  return server.calls.filter(({ target }) => !target).map(({ method, url }) => [method, url]);
}

test("a handshake that is refused with a fresh token too is asked about over REST, once", async () => {
  const client = await makeWatcher();
  assert.deepEqual(await refuse(client, 5), [["GET", "http://podium.test/profile"]]);
  assert.equal(client.podium.state, "reconnecting");
});

test("a player who was deleted is signed out, and connects no more", async () => {
  const client = await makeWatcher();
  client.server.api = () => [410, { title: "Gone", status: 410, code: "deleted" }];
  await refuse(client, 9);
  const { length } = client.sockets;
  await client.clock.advance(600_000);
  assert.equal(client.podium.user, null);
  assert.equal(client.podium.state, "offline");
  assert.equal(client.sockets.length, length);
  assert.ok(length <= 5, `${length} handshakes`);
});

test("where REST does not answer it is asked again", async () => {
  const client = await makeWatcher();
  client.server.api = () => {
    throw new TypeError("fetch failed");
  };
  assert.ok((await refuse(client, 5)).length > 1);
  assert.equal(client.podium.user.username, "ada");
});
