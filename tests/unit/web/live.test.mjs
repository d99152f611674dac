import assert from "node:assert/strict";
import { test } from "node:test";

import { BOARDS_LIMIT } from "../../../clients/web/podium/constants.js";
import { diff, entry, makePlayer, makeWatcher, settle, snapshot } from "./harness.mjs";

const subscribe = (versions = {}) => ({ action: "subscribe", boards: ["forest"], versions });
const held = (version, epoch = 7) => ({ forest: { epoch, version } });
const versions = (updates) => updates.map(({ version }) => version);

/** A watcher that holds version 3. */
async function makeHolder() {
  const client = await makeWatcher();
  client.socket().push(snapshot(3, [entry("a", 1)]));
  client.socket().take();
  return client;
}

/** A client in a game of 50 boards that watches, and holds, the first `count`. */
async function makeCollector(count) {
  const ids = Array.from({ length: 50 }, (_, number) => `board-${number}`);
  const boards = ids.map((id) => ({ id, title: id, order: "desc", areas: [id] }));
  const client = await makePlayer({ config: { boards } });
  const leave = ids.slice(0, count).map((id) => client.podium.subscribe(id, () => {}));
  await settle();
  client.socket().open();
  for (const board of ids.slice(0, count)) client.socket().push({ ...snapshot(3), board });
  client.socket().take();
  return { ...client, leave };
}

test("subscribes once it is open, with the token as a subprotocol", async () => {
  const { socket, podium } = await makeWatcher();
  assert.equal(socket().url, "ws://podium.test/live");
  assert.equal(socket().protocols[0], "podium");
  assert.match(socket().protocols[1], /^[\w-]+\.[\w-]+\.[\w-]+$/);
  assert.deepEqual(socket().take(), [subscribe()]);
  assert.equal(podium.state, "live");
});

test("a listener gets the whole board with each update", async () => {
  const { socket, updates, clock } = await makeWatcher();
  socket().push(snapshot(3, [entry("a", 1)]));
  socket().push(diff(3, [entry("b", 2)]));
  const { entries, ...last } = updates[1];
  assert.deepEqual(entries.map(({ userId, rank }) => [userId, rank]), [["b", 1], ["a", 2]]);
  assert.deepEqual(last, {
    type: "diff",
    board: "forest",
    size: 50,
    epoch: 7,
    version: 4,
    changes: [{ op: "set", ...entry("b", 2) }],
    receivedAt: clock.now(),
  });
});

test("a gap asks again once, however many diffs follow it", async () => {
  const { socket, updates } = await makeHolder();
  socket().push(diff(5));
  socket().push(diff(6));
  socket().push(diff(7));
  assert.deepEqual(socket().take(), [subscribe(held(3))]);
  assert.deepEqual(versions(updates), [3]);
});

test("diffs that come while a snapshot is awaited are applied on top of it, in order", async () => {
  const { socket, updates } = await makeWatcher();
  socket().take();
  socket().push(diff(5));
  socket().push(diff(4));
  socket().push(snapshot(4));
  assert.deepEqual(versions(updates), [4, 5, 6]);
  assert.deepEqual(socket().take(), []);
});

test("asks again when the snapshot does not reach the diffs that came before it", async () => {
  const { socket, updates } = await makeWatcher();
  socket().take();
  socket().push(diff(5));
  socket().push(snapshot(4));
  assert.deepEqual(socket().take(), [subscribe(held(4))]);
  socket().push(snapshot(6));
  assert.deepEqual(versions(updates), [4, 6]);
  assert.deepEqual(socket().take(), []);
});

test("a late diff of an epoch that is over asks once, not for ever", async () => {
  const { socket } = await makeHolder();
  socket().push(diff(9, [], 6));
  assert.deepEqual(socket().take(), [subscribe(held(3))]);
  socket().push({ type: "current", board: "forest", epoch: 7, version: 3 });
  assert.deepEqual(socket().take(), []);
});

test("a duplicate diff and a stale snapshot are not shown", async () => {
  const { socket, updates } = await makeHolder();
  socket().push(diff(3));
  socket().push(diff(3));
  socket().push(snapshot(2));
  assert.deepEqual(versions(updates), [3, 4]);
  assert.deepEqual(socket().take(), []);
});

test("a new epoch resyncs, and goes on from its snapshot", async () => {
  const { socket, updates } = await makeHolder();
  socket().push(diff(1, [], 8));
  assert.deepEqual(socket().take(), [subscribe(held(3))]);
  socket().push(snapshot(2, [], 8));
  socket().push(diff(2, [], 8));
  assert.deepEqual(updates.map(({ epoch, version }) => [epoch, version]), [[7, 3], [8, 2], [8, 3]]);
});

test("after a `current` the next gap asks again", async () => {
  const { socket } = await makeHolder();
  socket().push(diff(5));
  socket().push({ type: "current", board: "forest", epoch: 7, version: 3 });
  socket().take();
  socket().push(diff(5));
  assert.deepEqual(socket().take(), [subscribe(held(3))]);
});

test("an unanswered subscribe is a dead connection", async () => {
  const { podium, socket, clock } = await makeWatcher();
  await clock.advance(9_999);
  assert.equal(podium.state, "live");
  await clock.advance(1);
  assert.equal(podium.state, "reconnecting");
  assert.equal(socket().closed, true);
});

test("a second listener gets the board that is held, without another request", async () => {
  const { podium, socket } = await makeHolder();
  const updates = [];
  podium.subscribe("forest", (update) => updates.push(update));
  assert.deepEqual(updates.map(({ type, version }) => [type, version]), [["snapshot", 3]]);
  assert.deepEqual(socket().take(), []);
});

test("one listener's fault keeps the board from no other listener", async () => {
  const { podium, socket, events } = await makeHolder();
  const fault = new Error("listener's own");
  podium.subscribe("forest", ({ type }) => {
    if (type === "diff") throw fault;
  });
  const updates = [];
  podium.subscribe("forest", (update) => updates.push(update));
  socket().push(diff(3));
  assert.deepEqual(versions(updates), [3, 4]);
  assert.deepEqual(events.at(-1), ["error", fault]);
});

test("only the last listener's unsubscribe leaves the board, and nothing is shown any more", async () => {
  const { podium, socket, updates, unsubscribe } = await makeHolder();
  const other = podium.subscribe("forest", () => {});
  unsubscribe();
  unsubscribe();
  assert.deepEqual(socket().take(), []);
  other();
  assert.deepEqual(socket().take(), [{ action: "unsubscribe", boards: ["forest"] }]);
  socket().push(diff(3));
  assert.deepEqual(versions(updates), [3]);
});

test("a board that is left and watched again is asked for after the unsubscribe is answered", async () => {
  const { podium, socket, unsubscribe, clock } = await makeHolder();
  unsubscribe();
  socket().take();
  podium.subscribe("forest", () => {});
  assert.deepEqual(socket().take(), []);
  socket().push({ type: "unsubscribed", boards: ["forest"] });
  assert.deepEqual(socket().take(), [subscribe()]);
  socket().push(snapshot(3));
  await clock.advance(10_000);
  assert.equal(podium.state, "live");
});

test("a board that is left, watched and left again is left once", async () => {
  const { podium, socket, unsubscribe, clock } = await makeHolder();
  unsubscribe();
  podium.subscribe("forest", () => {})();
  assert.deepEqual(socket().take(), [{ action: "unsubscribe", boards: ["forest"] }]);
  socket().push({ type: "unsubscribed", boards: ["forest"] });
  assert.deepEqual(socket().take(), []);
  await clock.advance(10_000);
  assert.equal(podium.state, "live");
});

test("a board beyond what a connection may have is refused here", async () => {
  const { podium, socket } = await makeCollector(BOARDS_LIMIT);
  assert.throws(() => podium.subscribe("board-40", () => {}), { code: "TooManyBoards", message: /32/ });
  podium.subscribe("board-0", () => {}); // another listener, and no other board
  assert.deepEqual(socket().take(), []);
});

test("a board in place of one that is left is asked for when the server has let go of that", async () => {
  const { podium, socket, leave, clock } = await makeCollector(BOARDS_LIMIT);
  leave[0]();
  leave[1]();
  podium.subscribe("board-40", () => {});
  podium.subscribe("board-41", () => {});
  assert.deepEqual(socket().take().map(({ action }) => action), ["unsubscribe", "unsubscribe"]);
  for (const [left, next] of [[1, 40], [0, 41]]) {
    socket().push({ type: "unsubscribed", boards: [`board-${left}`] });
    assert.deepEqual(socket().take(), [{ action: "subscribe", boards: [`board-${next}`], versions: {} }]);
    socket().push({ ...snapshot(3), board: `board-${next}` });
  }
  await clock.advance(10_000);
  assert.equal(podium.state, "live");
});

test("announcements, portraits and errors are told as events", async () => {
  const { socket, events } = await makeHolder();
  const announcement = { type: "announcement", channel: "all", message: { text: "hello" } };
  const avatar = { type: "avatar", key: "portraits/1.png" };
  events.length = 0;
  socket().push(announcement);
  socket().push(avatar);
  socket().push({ type: "error", code: "bad_frame", message: "boards: missing" });
  socket().push({ message: "Internal server error", connectionId: "c", requestId: "r" });
  socket().onmessage({ data: "not JSON" });
  assert.deepEqual(events.slice(0, 2), [["announcement", announcement], ["avatar", avatar]]);
  const codes = events.slice(2).map(([name, error]) => [name, error.code]);
  assert.deepEqual(codes, [["error", "bad_frame"], ["error", "ServerError"], ["error", "BadFrame"]]);
});

test("a broadcast answers with its deliveries, or with the server's refusal", async () => {
  const { podium, socket } = await makeHolder();
  const first = podium.broadcast("all", { text: "hello" });
  assert.deepEqual(socket().take(), [{ action: "broadcast", channel: "all", message: { text: "hello" } }]);
  socket().push({ type: "broadcasted", delivered: 2, failed: 1 });
  assert.deepEqual(await first, { delivered: 2, failed: 1 });
  const second = podium.broadcast("all", {});
  socket().push({ type: "error", code: "forbidden", message: "admins only" });
  await assert.rejects(second, { name: "PodiumError", code: "forbidden", message: "admins only" });
  const third = podium.broadcast("all", {});
  socket().drop();
  await assert.rejects(third, { code: "NetworkError" });
  await assert.rejects(podium.broadcast("all", {}), { code: "NetworkError" });
});

test("a broadcast on a connection that has outlived its token gets a new connection, and may be repeated", async () => {
  const { podium, socket } = await makeHolder();
  const refused = podium.broadcast("all", {});
  const before = socket();
  before.push({ type: "error", code: "token_expired", message: "connect again" });
  await assert.rejects(refused, { code: "token_expired" });
  assert.equal(podium.state, "reconnecting");
  assert.ok(before.closed);
  await settle();
  assert.notEqual(socket(), before);
  socket().open();
  assert.equal(podium.state, "live");
  const repeated = podium.broadcast("all", {});
  socket().push({ type: "broadcasted", delivered: 1, failed: 0 });
  assert.deepEqual(await repeated, { delivered: 1, failed: 0 });
});

test("an unknown board is refused here", async () => {
  const { podium } = await makeHolder();
  assert.throws(() => podium.subscribe("swamp", () => {}), { code: "UnknownBoard", message: /swamp/ });
  await settle();
});
