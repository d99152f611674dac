/** A board across the ends of its seasons, as a listener sees it; clients/vectors/board has the stories step by step. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { seededRandom } from "../../../clients/web/demo/seededRandom.js";
import { LOOK_MS } from "../../../clients/web/podium/live.js";
import { POLL_MS } from "../../../clients/web/podium/polling.js";
import { entry, FakeClock, makeClient, makeWatcher, settle } from "./harness.mjs";

const BOARD = "forest-week";
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const subscribe = (versions = {}) => ({ action: "subscribe", boards: [BOARD], versions });

/** A snapshot of a season that began `age` ago and is `length` long. */
function whole(clock, { season = 12, version = 40, age = 0, length = DAY, entries = [entry("a", 1)], spread = 10 } = {}) {
  const startsAt = clock.now() - age;
  const ranked = entries.map((one, index) => ({ ...one, rank: index + 1 }));
  const times = { season, startsAt, endsAt: startsAt + length, now: clock.now(), spread };
  return { type: "snapshot", board: BOARD, epoch: startsAt, version, size: 50, ...times, entries: ranked };
}

const names = ({ entries }) => entries.map(({ userId }) => userId);

async function makeHolder(times, options = {}) {
  const client = await makeWatcher(BOARD, options);
  client.socket().push(whole(client.clock, times));
  client.socket().take();
  return client;
}

test("an update of a board with seasons says which it is, and from when to when", async () => {
  const { updates, clock, podium } = await makeHolder({ length: HOUR });
  const { season, startsAt, endsAt } = updates[0];
  assert.deepEqual([season, startsAt, endsAt], [12, clock.now(), clock.now() + HOUR]);
  assert.equal(podium.now, clock.now());
});

test("a season that ends in a quarter of a year ends in time, though no timer can be set for so long", async () => {
  const { updates, clock } = await makeHolder({ length: 90 * DAY });
  assert.ok(clock.delays.every((delay) => delay < 2 ** 31));
  await clock.advance(HOUR);
  assert.ok(Math.max(...clock.delays) < 2 ** 31);
  // As a laptop sees it that sleeps through the nights with its timers.
  clock.setTimeout(() => {}, 90 * DAY);
  await clock.advance(3 * LOOK_MS);
  assert.equal(updates.length, 1);
});

test("the clock is the server's: a wall clock that is an hour slow turns no board late", async () => {
  const client = await makeWatcher(BOARD);
  const { clock, socket, updates, podium } = client;
  clock.skip(-HOUR);
  const frame = whole(clock, { length: HOUR });
  const ahead = { startsAt: frame.startsAt + HOUR, endsAt: frame.endsAt + HOUR, now: frame.now + HOUR };
  socket().push({ ...frame, ...ahead, epoch: ahead.startsAt });
  assert.equal(podium.now, clock.now() + HOUR);
  await clock.advance(HOUR - 1);
  assert.equal(updates.at(-1).season, 12);
  await clock.advance(1);
  assert.deepEqual([updates.at(-1).season, names(updates.at(-1))], [13, []]);
});

test("a page whose timers are late turns when it becomes visible", async () => {
  const events = new EventTarget();
  const { updates, clock } = await makeHolder({ length: 1000 }, { events });
  const late = [];
  const { setTimeout } = clock;
  clock.setTimeout = (act, delay) => late.push([act, delay]);
  events.dispatchEvent(new Event("visibilitychange")); // the timer is set again, and will be late
  clock.setTimeout = setTimeout;
  await clock.advance(2000);
  assert.ok(late.length > 0);
  assert.equal(updates.length, 1);
  events.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual(updates.map(({ season }) => season), [12, 13]);
});

test("a diff of the season that has ended is not shown, though the timers are late", async () => {
  const { clock, socket, updates } = await makeWatcher(BOARD);
  const { setTimeout } = clock;
  clock.setTimeout = () => null;
  const before = whole(clock, { length: 1000 });
  socket().push(before);
  clock.setTimeout = setTimeout;
  await clock.advance(1001);
  socket().push({ type: "diff", board: BOARD, season: 12, epoch: before.epoch, from: 40, to: 41, changes: [] });
  assert.deepEqual(updates.map(({ season, version }) => [season, version]), [[12, 40], [13, 0]]);
});

test("a second listener at the end of a season is given the new one", async () => {
  const { podium, clock, updates } = await makeHolder({ length: 1000 });
  const { setTimeout } = clock;
  clock.setTimeout = () => null; // no timer fires
  podium.subscribe("forest", () => {});
  clock.setTimeout = setTimeout;
  await clock.advance(2000);
  const others = [];
  podium.subscribe(BOARD, (update) => others.push(update));
  assert.deepEqual(others.map(({ season }) => season), [13]);
  assert.deepEqual(updates.map(({ season }) => season), [12, 13]);
});

test("a board that is watched by a player who has signed out turns too", async () => {
  const { podium, clock, updates } = await makeHolder({ length: 5000 });
  await podium.signOut();
  await clock.advance(5000);
  assert.deepEqual(updates.map(({ season }) => season), [12, 13]);
});

test("a client that is closed leaves no timer behind, and nor does a board that is left", async () => {
  const closed = await makeHolder();
  closed.podium.close();
  assert.deepEqual(closed.clock.delays, []);
  const left = await makeHolder({ length: 1000 });
  left.unsubscribe();
  left.socket().push({ type: "unsubscribed", boards: [BOARD] });
  await left.clock.advance(2000);
  assert.equal(left.updates.length, 1);
});

test("a board without seasons sets no timer", async () => {
  const { clock, socket } = await makeWatcher();
  const before = clock.delays.length;
  socket().push({ type: "snapshot", board: "forest", epoch: 7, version: 3, size: 50, entries: [] });
  assert.equal(clock.delays.length, before - 1, "the deadline of the subscription is over");
});

for (const [random, wait] of [[0, 0], [0.25, 25_000], [1, 100_000]]) {
  test(`a gap at a turn is asked for ${wait} ms later where the spread is 100 s and the random number is ${random}`, async () => {
    const { clock, socket } = await makeHolder({ length: 1000, spread: 100 }, { random });
    await clock.advance(1000);
    const epoch = clock.now();
    socket().push({ type: "diff", board: BOARD, season: 13, epoch, from: 3, to: 4, changes: [] });
    await clock.advance(Math.max(0, wait - 1));
    if (wait) assert.deepEqual(socket().take(), []);
    await clock.advance(1);
    assert.deepEqual(socket().take(), [subscribe()]);
  });
}

test("an answer that does not help is asked for again, though not at once", async () => {
  const { clock, socket } = await makeHolder({ length: 1000 }, { random: 0 });
  const old = whole(clock, { length: 1000 });
  await clock.advance(1000 + 60_000 + 20_000);
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(socket().take(), [subscribe()]);
    socket().push({ ...old, now: clock.now() });
    await clock.advance(9_999);
    assert.deepEqual(socket().take(), []);
    await clock.advance(1);
  }
});

test("a client that turns long after the end asks for the new season's within the spread, not after a minute", async () => {
  const events = new EventTarget();
  const { clock, socket, updates } = await makeHolder({ length: 1000 }, { events, random: 0.5 });
  const { setTimeout } = clock;
  clock.setTimeout = () => null; // timers sleep
  events.dispatchEvent(new Event("visibilitychange"));
  clock.setTimeout = setTimeout;
  await clock.advance(120_000);
  events.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual(updates.map(({ season }) => season), [12, 13]);
  await clock.advance(4_999);
  assert.deepEqual(socket().take(), []);
  await clock.advance(1);
  assert.deepEqual(socket().take(), [subscribe()]);
});

test("a machine that has slept asks once for each board with seasons, and for no other", async () => {
  const { podium, clock, socket } = await makeHolder();
  podium.subscribe("forest", () => {});
  socket().push({ type: "snapshot", board: "forest", epoch: 7, version: 3, size: 50, entries: [] });
  socket().take();
  clock.skip(HOUR);
  await clock.advance(LOOK_MS);
  assert.deepEqual(socket().take(), [subscribe()]);
  socket().push(whole(clock, { age: HOUR }));
  await clock.advance(2 * LOOK_MS);
  assert.deepEqual(socket().take(), []);
});

test("a spectator who reads over REST is shown the turn, and then what is read", async () => {
  const client = await makeClient({ random: 0.5 });
  const { podium, server, clock, socket, updates = [] } = client;
  podium.watch();
  podium.subscribe(BOARD, (update) => updates.push(update));
  await settle();
  socket().open();
  socket().push(whole(clock, { length: 20_000 }));
  let [season, entries] = [12, [entry("a", 1)]];
  const began = clock.now();
  let seasonsRead = 0;
  server.api = ({ url }) => {
    const { pathname, searchParams } = new URL(url);
    if (pathname === "/catalogue") return [200, { boards: [{ id: BOARD, size: 50 }] }];
    if (pathname === "/seasons") {
      seasonsRead += 1;
      const times = (number) => ({ season: number, startsAt: began + (number - 12) * 20_000, endsAt: began + (number - 11) * 20_000 });
      return [200, { gameArea: BOARD, current: season, seasons: [times(season), times(season - 1)] }];
    }
    return [200, { gameArea: searchParams.get("gameArea"), season, version: 3, entries, nextCursor: null }];
  };
  socket().drop();
  await clock.advance(500); // turned away: it reads
  socket().drop();
  await settle();
  assert.equal(podium.state, "polling");
  await clock.advance(19_499);
  assert.deepEqual(names(updates.at(-1)), ["a"]);
  await clock.advance(1);
  assert.deepEqual([updates.at(-1).season, names(updates.at(-1))], [13, []]);
  [season, entries] = [13, [entry("b", 2)]];
  await clock.advance(2 * POLL_MS);
  assert.deepEqual(names(updates.at(-1)), ["b"]);
  const { startsAt, endsAt } = updates.at(-1);
  assert.deepEqual([updates.at(-1).season, startsAt - began, endsAt - began], [13, 20_000, 40_000]);
  assert.equal(seasonsRead, 2, "once for each season");
  podium.close();
});

for (const [what, frames, first, spreadOver] of [
  ["hear nothing of the new season", () => [], 60_000 + 2 * 100_000, 100_000],
  ["miss its first frame", (epoch) => [{ type: "diff", board: BOARD, season: 13, epoch, from: 1, to: 2, changes: [] }], 0, 100_000],
  ["get its snapshot", (epoch, clock) => [{ ...whole(clock, { season: 13, version: 0, entries: [] }), epoch, startsAt: epoch }], Infinity, 0],
]) {
  test(`200 clients that ${what} at a turn do not ask at the same time`, async () => {
    const clock = new FakeClock();
    const clients = [];
    for (let number = 0; number < 200; number++) {
      const client = await makeWatcher(BOARD, { clock, random: (number * 61.803) % 1 });
      client.socket().push(whole(clock, { length: 1000, spread: 100 }));
      client.socket().take();
      clients.push(client);
    }
    await clock.advance(1000);
    const epoch = clock.now();
    for (const { socket } of clients) for (const frame of frames(epoch, clock)) socket().push(frame);
    const asked = [];
    for (let second = 0; second < 380; second++) {
      await clock.advance(1000);
      const asks = clients.flatMap(({ socket }) => socket().take()).filter(({ action }) => action === "subscribe");
      asked.push(...asks.map(() => (second + 1) * 1000));
      // They are answered, so that each asks once.
      if (asks.length) for (const { socket } of clients) socket().push({ ...whole(clock, { season: 13, version: 9, entries: [] }), epoch, startsAt: epoch });
      if (asks.length) break;
    }
    assert.ok(asked.length <= 6, `${asked.length} in the first second in which any asks`);
    if (first === Infinity) assert.deepEqual(asked, []);
    else assert.ok(asked[0] >= first && asked[0] <= first + spreadOver, `${asked[0]}`);
    for (const { podium } of clients) podium.close();
  });
}

test("whatever is lost, late or repeated around the boundaries, each client shows the open season in the end", async () => {
  const LENGTH = 40_000;
  for (let seed = 0; seed < 60; seed++) {
    const random = seededRandom(seed);
    const { clock, socket, sockets, updates, podium } = await makeWatcher(BOARD, { random: 0.5 });
    const began = clock.now();
    const pick = (count) => Math.floor(random() * count);
    // The server: its board, and the frames on their way.
    const board = { season: 1, startsAt: began, epoch: began, version: 0, entries: [] };
    const send = (frame, lost = 0.25) => {
      for (let copies = pick(8) === 0 ? 2 : 1; copies > 0; copies--) {
        if (random() < lost) continue;
        const now = socket();
        clock.setTimeout(() => socket() === now && !now.closed && now.push(frame), pick(random() < 0.2 ? 4000 : 200));
      }
    };
    const whole = () => ({
      ...{ type: "snapshot", board: BOARD, size: 50, epoch: board.epoch, version: board.version, season: board.season },
      ...{ startsAt: board.startsAt, endsAt: board.startsAt + LENGTH, now: clock.now(), spread: 10 },
      entries: board.entries.map((one, index) => ({ ...one, rank: index + 1 })),
    });
    const turn = () => {
      const season = 1 + Math.floor((clock.now() - began) / LENGTH);
      if (season === board.season) return;
      const startsAt = began + (season - 1) * LENGTH;
      Object.assign(board, { season, startsAt, epoch: startsAt, version: 0, entries: [] });
      if (random() < 0.5) send(whole());
    };
    const score = (lost) => {
      turn();
      const one = entry(`user${pick(5)}`, pick(9), clock.now());
      const { epoch, version: from, season } = board;
      board.entries = [...board.entries.filter(({ userId }) => userId !== one.userId), one].sort((a, b) => b.score - a.score || a.achievedAt - b.achievedAt || (a.userId < b.userId ? 1 : -1));
      board.version += 1;
      send({ type: "diff", board: BOARD, season, epoch, from, to: from + 1, changes: [{ op: "set", ...one }] }, lost);
    };
    let asks = 0;
    const answer = () => {
      for (const { action, versions } of socket().take()) {
        if (action !== "subscribe") continue;
        asks += 1;
        turn();
        const held = versions[BOARD];
        const isHeld = held?.epoch === board.epoch && held.version === board.version;
        const { epoch, version } = board;
        const current = { type: "current", board: BOARD, epoch, version };
        send(isHeld ? current : whole(), 0);
      }
    };
    for (let second = 0; second < 130; second++) {
      answer();
      if (pick(6) === 0) score();
      if (pick(90) === 0) {
        const before = sockets.length;
        socket().drop();
        while (sockets.length === before) await clock.advance(500);
        socket().open();
        answer();
      }
      await clock.advance(1000);
    }
    // Until ten seconds after a boundary; then a score that arrives shows what is missing, and asks are answered.
    await clock.advance(LENGTH - ((clock.now() - began) % LENGTH) + 10_000);
    answer();
    score(0);
    for (let second = 0; second < 28; second++) {
      answer();
      await clock.advance(1000);
    }
    assert.deepEqual([updates.at(-1).epoch, updates.at(-1).version], [board.epoch, board.version], `seed ${seed}`);
    assert.deepEqual(names(updates.at(-1)), names(board), `seed ${seed}`);
    const seasons = updates.map(({ season }) => season);
    assert.deepEqual(seasons, [...seasons].sort((a, b) => a - b), `seed ${seed}: a season came back`);
    const opens = 1 + Math.floor((clock.now() - began) / LENGTH);
    assert.equal(seasons.at(-1), opens, `seed ${seed}: the open season`);
    assert.ok(asks < 60, `seed ${seed}: ${asks} subscriptions`);
    assert.ok(sockets.length < 12);
    podium.close();
  }
});
