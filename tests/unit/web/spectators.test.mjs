/** Boards without a player: the connection of a spectator, and what stands in for it where there is none. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { POLL_MS } from "../../../clients/web/podium/polling.js";
import { TURNED_AWAY_MS } from "../../../clients/web/podium/live.js";
import { diff, entry, makeClient, settle, snapshot } from "./harness.mjs";

const [SOONEST, LATEST] = TURNED_AWAY_MS;
const states = (events) => events.filter(([name]) => name === "state").map(([, state]) => state);
const subscribe = (versions = {}) => ({ action: "subscribe", boards: ["forest"], versions });
const held = (version, epoch = 7) => ({ forest: { epoch, version } });
const names = ({ entries }) => entries.map(({ userId }) => userId);

/** The API's answers: a catalogue, and the board as `board` says; where `isDown`, none. */
function makeApi() {
  const api = { isDown: false, version: 3, entries: [entry("a", 1)], asked: [] };
  api.answer = ({ url, headers }) => {
    if (api.isDown) throw new TypeError("no network");
    const { pathname, searchParams } = new URL(url);
    assert.equal(headers?.Authorization, undefined);
    if (pathname === "/catalogue") return [200, { boards: ["forest", "sprint"].map((id) => ({ id, size: 50 })) }];
    const gameArea = searchParams.get("gameArea");
    api.asked.push([gameArea, searchParams.get("limit")]);
    return [200, { gameArea, version: api.version, entries: api.entries, nextCursor: null }];
  };
  return api;
}

/** A client without a player that watches a board. */
async function makeSpectator(options) {
  const client = await makeClient(options);
  const api = makeApi();
  client.server.api = api.answer;
  const updates = [];
  const end = client.podium.watch();
  const unsubscribe = client.podium.subscribe("forest", (update) => updates.push(update));
  await settle();
  return { ...client, api, updates, end, unsubscribe };
}

test("watch() connects without a token, and a board is live", async () => {
  const { socket, sockets, events, updates, podium, server } = await makeSpectator();
  assert.deepEqual(socket().protocols, ["podium"]);
  socket().open();
  assert.deepEqual(socket().take(), [subscribe()]);
  socket().push(snapshot(3, [entry("a", 1)]));
  socket().push(diff(3, [entry("b", 2)]));
  assert.deepEqual(updates.map(names), [["a"], ["b", "a"]]);
  assert.deepEqual(states(events), ["connecting", "live"]);
  assert.equal(podium.state, "live");
  assert.equal(sockets.length, 1);
  assert.deepEqual(server.calls, [], "nothing is read over REST");
});

test("watch() may come before the first board or after it, and alone connects to nothing", async () => {
  const before = await makeClient();
  before.podium.watch();
  await settle();
  assert.equal(before.sockets.length, 0);
  const after = await makeClient();
  after.podium.subscribe("forest", () => {});
  after.podium.watch();
  await settle();
  assert.equal(after.sockets.length, 1);
});

test("a player who signs in takes the place of the spectator, and goes on with what is held", async () => {
  const { podium, server, sockets, socket, updates, events } = await makeSpectator();
  socket().open();
  socket().push(snapshot(3, [entry("a", 1)]));
  server.users.set("ada", { password: "secret", confirmed: true });
  await podium.signIn("ada", "secret");
  await settle();
  assert.equal(sockets.length, 2);
  assert.ok(sockets[0].closed);
  assert.equal(socket().protocols.length, 2);
  socket().open();
  assert.deepEqual(socket().take(), [subscribe(held(3))]);
  sockets[0].push(diff(3, [entry("z", 9)]));
  socket().push({ type: "current", board: "forest", epoch: 7, version: 3 });
  socket().push(diff(3, [entry("b", 2)]));
  assert.deepEqual(updates.map(names), [["a"], ["b", "a"]], "each version once");
  assert.equal(states(events).at(-1), "live");
});

test("after a sign-out the player's connection becomes a spectator's again", async () => {
  const { podium, server, socket, sockets } = await makeSpectator();
  server.users.set("ada", { password: "secret", confirmed: true });
  await podium.signIn("ada", "secret");
  await settle();
  socket().open();
  socket().push(snapshot(5));
  await podium.signOut();
  await settle();
  assert.deepEqual(socket().protocols, ["podium"]);
  socket().open();
  assert.deepEqual(socket().take(), [subscribe(held(5))]);
  assert.ok(sockets.slice(0, -1).every(({ closed }) => closed));
});

test("the end of watch() ends a spectator's connection, and no player's", async () => {
  const spectator = await makeSpectator();
  const other = spectator.podium.watch();
  spectator.socket().open();
  spectator.end();
  assert.equal(spectator.podium.state, "live", "another still watches");
  other();
  assert.equal(spectator.podium.state, "offline");
  assert.ok(spectator.socket().closed);

  const player = await makeSpectator();
  player.server.users.set("ada", { password: "secret", confirmed: true });
  await player.podium.signIn("ada", "secret");
  await settle();
  player.socket().open();
  player.end();
  assert.equal(player.podium.state, "live");
  await player.podium.signOut();
  assert.equal(player.podium.state, "offline", "and after it there is no spectator");
});

test("a spectator who is turned away reads the board every 15 seconds, and says so", async () => {
  const { podium, socket, clock, api, updates, events } = await makeSpectator({ random: 0.5 });
  socket().drop();
  await settle();
  assert.equal(podium.state, "polling");
  socket().drop(); // it tried once more, when it found that the server is there
  await settle();
  assert.deepEqual(states(events), ["connecting", "reconnecting", "polling"]);
  assert.deepEqual(updates.at(-1), {
    type: "snapshot",
    board: "forest",
    entries: api.entries,
    size: 50,
    epoch: null,
    version: 3,
    changes: [],
    receivedAt: clock.now(),
  });
  api.entries = [entry("b", 2), entry("a", 1)];
  await clock.advance(POLL_MS - 1);
  assert.equal(updates.length, 1);
  await clock.advance(1);
  assert.deepEqual(updates.map(names), [["a"], ["b", "a"]]);
  assert.deepEqual(api.asked, [["forest", "50"], ["forest", "50"]]);
});

test("a spectator who was turned away tries again after one minute to five, and is live then", async () => {
  for (const [random, wait] of [[0, SOONEST], [1, LATEST]]) {
    const { podium, socket, sockets, clock, updates, events, api } = await makeSpectator({ random });
    socket().drop();
    await settle();
    socket().drop();
    await settle();
    const tried = sockets.length;
    await clock.advance(wait - 1);
    assert.equal(sockets.length, tried);
    await clock.advance(1);
    assert.equal(sockets.length, tried + 1);
    socket().open();
    assert.equal(podium.state, "live");
    socket().push(snapshot(9, [entry("c", 3)]));
    assert.deepEqual(names(updates.at(-1)), ["c"]);
    const before = api.asked.length;
    await clock.advance(4 * POLL_MS);
    assert.equal(api.asked.length, before, "and reads no more");
    assert.deepEqual(states(events), ["connecting", "reconnecting", "polling", "live"]);
  }
});

test("an answer that comes after the connection is open is not shown", async () => {
  const { server, socket, updates, clock, api } = await makeSpectator({ random: 0 });
  let answer;
  server.api = (request) =>
    request.url.includes("leaderboard")
      ? new Promise((resolve) => (answer = () => resolve(api.answer(request))))
      : api.answer(request);
  socket().drop();
  await clock.advance(0);
  socket().open();
  socket().push(snapshot(9, [entry("c", 3)]));
  answer();
  await settle();
  assert.deepEqual(updates.map(names), [["c"]]);
});

test("while neither connection nor REST is to be had it is reconnecting, with the backoff of an outage", async () => {
  const { podium, socket, sockets, clock, api, updates } = await makeSpectator({ random: 1 });
  api.isDown = true;
  socket().drop();
  await settle();
  assert.equal(podium.state, "reconnecting");
  await clock.advance(500);
  assert.equal(sockets.length, 2);
  socket().drop();
  await clock.advance(1000);
  assert.equal(sockets.length, 3);
  socket().drop();
  api.isDown = false;
  const tried = sockets.length;
  await clock.advance(POLL_MS);
  assert.equal(podium.state, "polling");
  assert.ok(sockets.length > tried, "it does not wait: the server is back");
  assert.deepEqual(updates.map(names), [["a"]]);
  api.isDown = true;
  socket().drop();
  await clock.advance(3 * POLL_MS);
  assert.equal(podium.state, "reconnecting");
});

test("a handshake that hangs is stood in for, too", async () => {
  const { podium, clock, updates } = await makeSpectator();
  await clock.advance(10_000);
  assert.equal(podium.state, "polling");
  assert.deepEqual(updates.map(names), [["a"]]);
});

test("a connection that was open and is lost is not polled for while the next one opens", async () => {
  const { podium, socket, clock, api } = await makeSpectator();
  socket().open();
  socket().drop();
  await clock.advance(500);
  socket().open();
  assert.equal(podium.state, "live");
  assert.deepEqual(api.asked, []);
});

test("a board that is watched or left while boards are read is read at once, or no more", async () => {
  const { podium, socket, clock, api, unsubscribe } = await makeSpectator();
  socket().drop();
  await settle();
  const seen = [];
  podium.subscribe("sprint", (update) => seen.push(update.board));
  await settle();
  assert.deepEqual(seen, ["sprint"]);
  const late = [];
  podium.subscribe("forest", (update) => late.push(names(update)));
  assert.deepEqual(late, [["a"]], "what was read is told to a new listener");
  unsubscribe();
  api.asked.length = 0;
  await clock.advance(POLL_MS);
  assert.deepEqual(api.asked.map(([board]) => board).sort(), ["forest", "sprint"]);
});

test("a page in the background reads nothing until it is seen again", async () => {
  const { socket, clock, api } = await makeSpectator();
  socket().drop();
  await settle();
  api.asked.length = 0;
  globalThis.document = { hidden: true };
  try {
    await clock.advance(3 * POLL_MS);
    assert.deepEqual(api.asked, []);
    globalThis.document.hidden = false;
    await clock.advance(POLL_MS);
    assert.equal(api.asked.length, 1);
  } finally {
    delete globalThis.document;
  }
});

test("a board that is slow to come is not asked for twice at a time, and keeps no other waiting", async () => {
  const { podium, server, socket, clock, api, updates } = await makeSpectator();
  server.api = (request) => (request.url.includes("forest") ? new Promise(() => {}) : api.answer(request));
  socket().drop();
  const seen = [];
  podium.subscribe("sprint", (update) => seen.push(update.board));
  await clock.advance(POLL_MS);
  assert.equal(podium.state, "polling");
  assert.deepEqual(seen, ["sprint", "sprint"]);
  assert.deepEqual(updates, []);
  assert.equal(server.calls.filter(({ url }) => url.includes("gameArea=forest")).length, 1);
});

test("what was read is not shown as older than what the connection then says is current", async () => {
  const { socket, clock, updates, api } = await makeSpectator({ random: 0 });
  socket().open();
  socket().push(snapshot(3, [entry("a", 1)]));
  socket().drop();
  await clock.advance(0);
  api.entries = [entry("b", 2)];
  socket().drop();
  await settle();
  assert.deepEqual(updates.map(names), [["a"], ["b"]]);
  socket().open();
  socket().push({ type: "current", board: "forest", epoch: 7, version: 3 });
  assert.deepEqual(updates.map(names), [["a"], ["b"], ["a"]]);
});

test("a sign-in while boards are read ends the reading", async () => {
  const { podium, server, socket, clock, api } = await makeSpectator();
  socket().drop();
  await settle();
  server.users.set("ada", { password: "secret", confirmed: true });
  await podium.signIn("ada", "secret");
  await settle();
  socket().open();
  socket().push(snapshot(3));
  api.asked.length = 0;
  await clock.advance(3 * POLL_MS);
  assert.deepEqual(api.asked, []);
  assert.equal(podium.state, "live");
});

test("close() ends the reading, and nothing is left to come", async () => {
  const { podium, socket, clock } = await makeSpectator();
  socket().drop();
  await settle();
  podium.close();
  assert.equal(podium.state, "offline");
  assert.deepEqual(clock.delays, []);
});

test("a player who is refused is not read for, and asks REST why", async () => {
  const { podium, server, socket, clock } = await makeClient();
  server.users.set("ada", { password: "secret", confirmed: true });
  await podium.signIn("ada", "secret");
  podium.watch();
  podium.subscribe("forest", () => {});
  await settle();
  socket().drop();
  await clock.advance(500);
  socket().drop();
  await settle();
  assert.ok(server.calls.some(({ url }) => url.endsWith("/profile")));
  assert.ok(!server.calls.some(({ url }) => url.includes("leaderboard")));
  assert.equal(podium.state, "reconnecting");
});

test("a spectator's broadcast is refused with the server's words", async () => {
  const { podium, socket } = await makeSpectator();
  socket().open();
  const refused = assert.rejects(podium.broadcast("all", {}), { code: "forbidden" });
  socket().push({ type: "error", code: "forbidden", message: "action: not yours" });
  await refused;
});

test("announcements reach spectators", async () => {
  const { socket, events } = await makeSpectator();
  socket().open();
  socket().push({ type: "announcement", channel: "all", message: { text: "hello" } });
  assert.deepEqual(events.at(-1), ["announcement", { type: "announcement", channel: "all", message: { text: "hello" } }]);
});
