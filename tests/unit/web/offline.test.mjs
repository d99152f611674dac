import assert from "node:assert/strict";
import { test } from "node:test";

import { OFFLINE_MS } from "../../../clients/web/podium/constants.js";
import { FakeBrowser, FakeClock, FakeServer, FakeStorage, makeClient, makePlayer, settle } from "./harness.mjs";

const PREFIX = "podium.client.score.";
const HOUR = 3_600_000;

const problem = (status, headers = {}, more = {}) => [status, { title: "No", status, detail: "no", ...more }, headers];
const accepted = ({ body: { gameArea, score } }) => [201, { gameArea, score, best: score, improved: true }];
const down = () => {
  throw new TypeError("fetch failed");
};

/** The points of the scores that were sent, in their order. */
const sent = ({ calls }) => calls.filter(({ url }) => url.endsWith("/score")).map(({ body }) => body.score);
const keys = ({ calls }) => calls.filter(({ url }) => url.endsWith("/score")).map(({ headers }) => headers["Idempotency-Key"]);
const waiting = ({ podium }) => podium.waitingScores.map(({ score }) => score);
/** What became of scores, as `sent 5`. */
const told = ({ events }) => events.filter(([name]) => name === "score").map(([, { state, score }]) => `${state} ${score}`);
const errors = ({ events }) => events.filter(([name]) => name === "error").map(([, { code }]) => code);
const dropped = ({ events }) => events.filter(([name, one]) => name === "score" && one.state === "dropped").map(([, one]) => one);

/** A player whose scores could not be sent: the network is down, and they are kept. */
async function makeOffline(scores, options = {}) {
  const client = await makePlayer(options);
  client.server.api = down;
  const answers = scores.map((score) => client.podium.submitScore("forest", score));
  await settle();
  await client.clock.advance(1500);
  assert.deepEqual((await Promise.all(answers)).map(({ queued }) => queued), scores.map(() => true));
  client.server.calls.length = client.events.length = 0;
  return client;
}

/** The same browser's next page. */
async function makeNextPage({ storage, server, clock }, options = {}) {
  return makeClient({ storage, server, clock, ...options });
}

test("a score without a network is kept after three tries, and sent once when it is back", async () => {
  const client = await makePlayer();
  const { podium, server, clock, events } = client;
  server.api = down;
  events.length = 0;
  const run = { tiebreak: 7, metadata: { car: "red" } };
  const answer = podium.submitScore("forest", 5, run);
  assert.deepEqual(waiting(client), []); // it is on its way
  await settle();
  await clock.advance(1500);
  const { key, ...kept } = await answer;
  assert.deepEqual(kept, { gameArea: "forest", score: 5, queued: true });
  assert.equal(server.calls.length, 3);
  const shown = { gameArea: "forest", score: 5, ...run, key, madeAt: 1_763_812_800_000 };
  assert.deepEqual(podium.waitingScores, [shown]);
  assert.deepEqual(events, [
    ["score", { state: "queued", player: "id-ada", ...shown }],
    ["waiting", [shown]],
  ]);

  server.api = accepted;
  events.length = 0;
  await clock.advance(30_000);
  assert.deepEqual(server.calls[3].body, { gameArea: "forest", score: 5, ...run });
  assert.deepEqual(new Set(keys(server)), new Set([key]));
  assert.deepEqual(events, [
    ["score", { state: "sent", player: "id-ada", ...shown, best: 5, improved: true }],
    ["waiting", []],
  ]);
  await clock.advance(OFFLINE_MS);
  assert.equal(server.calls.length, 4);
});

test("a score that is taken at once leaves nothing behind, and raises no event", async () => {
  const client = await makePlayer();
  client.server.api = accepted;
  const before = client.storage.items.size;
  client.events.length = 0;
  await client.podium.submitScore("forest", 5);
  assert.equal(client.storage.items.size, before);
  assert.deepEqual(client.events, []);
});

const PASSING = {
  "an answer that is not JSON": [200, undefined],
  "the refusal of a portal on the way": [403, undefined],
  "no network": null,
};
for (const status of [401, 408, 425, 429, 502, 503, 504]) PASSING[status] = problem(status);

for (const [what, answer] of Object.entries(PASSING)) {
  test(`a score that meets ${what} is kept, and sent again as it was`, async () => {
    const client = await makePlayer();
    const { podium, server, clock } = client;
    server.api = () => answer ?? down();
    const kept = podium.submitScore("forest", 5);
    await settle();
    await clock.advance(1500);
    assert.equal((await kept).queued, true);
    server.api = accepted;
    await clock.advance(30_000);
    assert.deepEqual(waiting(client), []);
    assert.equal(new Set(keys(server)).size, 1);
    assert.equal(told(client).at(-1), "sent 5");
  });
}

test("a score is kept where no fresh token is to be had, whatever the reason", async () => {
  const client = await makePlayer();
  const { podium, server, clock } = client;
  server.api = accepted;
  server.refuse.set("InitiateAuth", "TooManyRequestsException");
  await clock.advance(HOUR);
  const kept = podium.submitScore("forest", 5);
  await settle();
  await clock.advance(1500);
  assert.equal((await kept).queued, true);
  server.refuse.clear();
  await clock.advance(30_000);
  assert.deepEqual(sent(server), [5]);
  assert.equal(told(client).at(-1), "sent 5");
});

test("a caller waits for one answer that does not come, and no longer", async () => {
  const client = await makePlayer({ timeout: 30_000 });
  client.server.api = () => new Promise(() => {});
  const kept = client.podium.submitScore("forest", 5);
  await settle();
  await client.clock.advance(30_000);
  assert.equal((await kept).queued, true);
});

test("a server that asks for a long time gets it, though the network comes back meanwhile", async () => {
  const events = new EventTarget();
  const client = await makePlayer({ events });
  const { podium, server, clock } = client;
  server.api = () => problem(503, { "Retry-After": "60" });
  const kept = podium.submitScore("forest", 5);
  await settle();
  assert.equal((await kept).queued, true);
  server.api = accepted;
  events.dispatchEvent(new Event("online"));
  await clock.advance(59_999);
  assert.deepEqual(sent(server), [5]);
  await clock.advance(501);
  assert.deepEqual(sent(server), [5, 5]);
});

test("a score waits for the backoff no longer than the network", async () => {
  const events = new EventTarget();
  const client = await makeOffline([5], { events });
  client.server.api = accepted;
  events.dispatchEvent(new Event("online"));
  await settle();
  assert.deepEqual(sent(client.server), [5]);
  assert.deepEqual(waiting(client), []);
});

test("a score is sent when the live connection is back", async () => {
  const client = await makeOffline([5]);
  client.podium.subscribe("forest", () => {});
  await settle();
  client.server.api = accepted;
  client.socket().open();
  await settle();
  assert.deepEqual(sent(client.server), [5]);
});

test("scores go in their order, and one that comes later does not overtake those that wait", async () => {
  const client = await makeOffline([5, 3, 9]);
  const { podium, server, clock } = client;
  const later = await podium.submitScore("sprint", 7); // at once
  assert.equal(later.queued, true);
  assert.deepEqual(server.calls, []);
  assert.deepEqual(waiting(client), [5, 3, 9, 7]);
  server.api = accepted;
  await clock.advance(30_000);
  assert.deepEqual(sent(server), [5, 3, 9, 7]);
  assert.deepEqual(told(client), ["queued 7", "sent 5", "sent 3", "sent 9", "sent 7"]);
});

test("the order is kept by a clock that is set back, and by the next page", async () => {
  const client = await makeOffline([5, 3]);
  client.clock.now = () => 1_763_812_800_000 - HOUR;
  await client.podium.submitScore("forest", 4);
  client.server.api = accepted;
  const next = await makeNextPage(client);
  await settle();
  assert.deepEqual(sent(next.server), [5, 3, 4]);
});

test("the next page sends what the last one could not, under the same keys", async () => {
  const client = await makeOffline([5, 3]);
  const known = client.podium.waitingScores.map(({ key }) => key);
  client.podium.close();
  client.server.api = accepted;
  const next = await makeNextPage(client);
  await settle();
  assert.deepEqual(sent(next.server), [5, 3]);
  assert.deepEqual(keys(next.server), known);
  assert.deepEqual(told(next), ["sent 5", "sent 3"]);
});

test("a page that is closed while a score is on its way leaves it to the next, under the same key", async () => {
  const client = await makePlayer();
  client.server.api = () => new Promise(() => {});
  client.podium.submitScore("forest", 5);
  await settle();
  client.server.api = accepted;
  const next = await makeNextPage(client);
  assert.deepEqual(waiting(next), [5]);
  await settle();
  assert.deepEqual(sent(client.server), [5, 5]);
  assert.equal(new Set(keys(client.server)).size, 1);
  assert.deepEqual(waiting(next), []);
});

test("a client that was closed sends nothing, and keeps what it is given", async () => {
  const client = await makePlayer();
  client.server.api = down;
  const before = client.podium.submitScore("forest", 5);
  await settle();
  client.podium.close();
  assert.equal((await before).queued, true);
  client.server.api = accepted;
  assert.equal((await client.podium.submitScore("forest", 3)).queued, true);
  await client.clock.advance(HOUR);
  assert.deepEqual(sent(client.server), [5]);
  const next = await makeNextPage(client);
  await settle();
  assert.deepEqual(sent(client.server), [5, 5, 3]);
  assert.deepEqual(waiting(next), []);
});

test("scores are sent as the player who made them and no other", async () => {
  const client = await makeOffline([5]);
  const { podium, server, clock, events } = client;
  await podium.signOut();
  assert.deepEqual(waiting(client), []);
  server.api = accepted;
  server.users.set("bob", { password: "secret", confirmed: true });
  await podium.signIn("bob", "secret");
  await clock.advance(60_000);
  assert.deepEqual(sent(server), []);
  assert.deepEqual(waiting(client), []);
  await podium.submitScore("forest", 8);
  await podium.signOut();
  await podium.signIn("ada", "secret");
  assert.deepEqual(events.findLast(([name]) => name === "waiting")[1].map(({ score }) => score), [5]);
  await settle();
  assert.deepEqual(sent(server), [8, 5]);
  const { headers } = server.calls.findLast(({ url }) => url.endsWith("/score"));
  const claims = JSON.parse(Buffer.from(headers.Authorization.split(".")[1], "base64url"));
  assert.equal(claims.sub, "id-ada");
  assert.deepEqual(events.findLast(([name]) => name === "score")[1].player, "id-ada");
});

test("a caller whose player signs out is told that the score waits", async () => {
  const client = await makePlayer();
  client.server.api = down;
  const kept = client.podium.submitScore("forest", 5);
  await settle();
  await client.podium.signOut();
  assert.equal((await kept).queued, true);
});

test("where no player is signed in no score is taken", async () => {
  const { podium, server, storage } = await makeClient();
  await assert.rejects(podium.submitScore("forest", 5), { code: "SignedOut" });
  assert.deepEqual(server.calls, []);
  assert.equal(storage.items.size, 0);
});

test("a score is dropped 20 hours after it was made, with a message", async () => {
  const client = await makeOffline([5]);
  await client.clock.advance(OFFLINE_MS - 3_000_000);
  assert.deepEqual(waiting(client), [5]);
  const before = sent(client.server).length;
  assert.ok(before > 100);
  await client.clock.advance(3_030_000);
  assert.deepEqual(waiting(client), []);
  const [{ error, score }] = dropped(client);
  assert.deepEqual([error.code, score], ["ScoreExpired", 5]);
  assert.match(error.message, /The score of 5 in forest could not be sent in time/);
  const after = sent(client.server).length;
  client.server.api = accepted;
  await client.clock.advance(HOUR);
  assert.equal(sent(client.server).length, after);
});

test("a score that is too old is not sent by the next page, which says so to any player", async () => {
  const client = await makeOffline([5, 3]);
  await client.podium.signOut();
  client.podium.close();
  client.server.calls.length = 0;
  await client.clock.advance(OFFLINE_MS);
  client.server.api = accepted;
  const next = await makeNextPage(client);
  assert.deepEqual(dropped(next).map(({ score, error }) => [score, error.code]), [[5, "ScoreExpired"], [3, "ScoreExpired"]]);
  assert.deepEqual(client.server.calls, []);
  assert.deepEqual([...client.storage.items.keys()], []);
});

/** What is stored of a score, with changes. */
const stored = (changes = {}) => ({
  player: "id-ada",
  key: "k1",
  body: { gameArea: "forest", score: 5 },
  madeAt: 1_763_812_800_000,
  until: 1_763_812_800_000 + OFFLINE_MS,
  turn: 1,
  isQueued: true,
  ...changes,
});

/** A signed-in player's next page, which finds these texts of scores by their places. */
async function makeFinder(texts) {
  const client = await makePlayer();
  for (const [place, text] of Object.entries(texts)) client.storage.setItem(PREFIX + place, text);
  client.server.api = accepted;
  const next = await makeNextPage(client);
  await settle();
  return next;
}

test("a score is not sent after the end of its run, nor one from a day ahead", async () => {
  const now = 1_763_812_800_000;
  const next = await makeFinder({
    "id-ada.k1": JSON.stringify(stored({ until: now })),
    "id-ada.k2": JSON.stringify(stored({ key: "k2", madeAt: now + 24 * HOUR, until: now + 44 * HOUR })),
    "id-ada.k3": JSON.stringify(stored({ key: "k3", until: now + 1, body: { gameArea: "forest", score: 8, run: "r1" } })),
  });
  assert.deepEqual(dropped(next).map(({ key, error }) => [key, error.code]), [["k1", "ScoreExpired"], ["k2", "ScoreExpired"]]);
  assert.deepEqual(next.server.calls.map(({ body }) => body), [{ gameArea: "forest", score: 8, run: "r1" }]);
});

const DAMAGED = ["", "{", "null", "7", "[]", "{}"].concat(
  [{ player: 7 }, { player: "id-bob" }, { key: "" }, { key: "k9" }, { body: null }, { body: [] }, { madeAt: "x" }, { until: null }, { turn: "1" }].map(
    (change) => JSON.stringify(stored(change)),
  ),
);

for (const text of DAMAGED) {
  test(`a stored score of ${text.slice(0, 60) || "nothing"} counts as none, is removed and reported; others are sent`, async () => {
    const good = JSON.stringify(stored({ key: "k2", body: { gameArea: "forest", score: 8 }, turn: 2 }));
    const next = await makeFinder({ "id-ada.k1": text, "id-ada.k2": good });
    assert.deepEqual(errors(next), ["DamagedStorage"]);
    assert.deepEqual(sent(next.server), [8]);
    assert.equal(next.storage.getItem(`${PREFIX}id-ada.k1`), null);
  });
}

for (const body of [
  { score: "5" },
  { score: NaN },
  { gameArea: undefined },
]) {
  test(`what the server has to judge is no damage: ${Object.entries(body).join()}`, async () => {
    const client = await makePlayer();
    client.server.api = () => problem(422);
    const { gameArea, score } = { gameArea: "forest", score: 5, ...body };
    await assert.rejects(client.podium.submitScore(gameArea, score), { status: 422 });
    assert.deepEqual(errors(client), []);
    assert.deepEqual(waiting(client), []);
  });
}

for (const status of [400, 403, 404, 409, 413, 422]) {
  test(`a ${status} refuses a score for good: the caller is told, or the score is dropped with the problem`, async () => {
    const client = await makePlayer();
    const { podium, server, clock } = client;
    server.api = () => problem(status);
    await assert.rejects(podium.submitScore("forest", 5), { status, message: "no" });
    server.api = down;
    const kept = [5, 6].map((score) => podium.submitScore("forest", score));
    await settle();
    await clock.advance(1500);
    await Promise.all(kept);
    server.api = ({ body }) => (body.score === 5 ? problem(status) : accepted({ body }));
    await clock.advance(30_000);
    assert.deepEqual(told(client).slice(-2), ["dropped 5", "sent 6"]);
    assert.equal(dropped(client)[0].error.status, status);
    assert.deepEqual(waiting(client), []);
  });
}

test("a score of a run waits until the run expires, as long as it is good for, and is dropped with a message", async () => {
  const client = await makePlayer();
  const { podium, server, clock, events } = client;
  // The server's clock is years behind this machine's.
  server.api = () => [201, { run: "ticket", seed: 7, startedAt: 5000, expiresAt: 5000 + HOUR }];
  const run = await podium.startRun("forest");
  await clock.advance(HOUR / 2);
  server.api = down;
  const kept = podium.submitScore("forest", 5, { run });
  await settle();
  await clock.advance(1500);
  assert.equal((await kept).queued, true);
  assert.equal(podium.waitingScores[0].run, "ticket");
  await clock.advance(HOUR / 2 - 2000);
  assert.deepEqual(waiting(client), [5]);
  server.calls.length = 0;
  await clock.advance(60_000);
  assert.deepEqual(waiting(client), []);
  const [{ error, score }] = dropped(client);
  assert.deepEqual([score, error.code], [5, "ScoreExpired"]);
  assert.match(error.message, /5 in forest/);
  assert.ok(events.length > 0);
  await clock.advance(OFFLINE_MS);
  assert.ok(sent(server).length <= 1, "it is not tried for ever");
});

test("the ticket of a run stays with a score that waits, over a reload too", async () => {
  const client = await makePlayer();
  client.server.api = () => [201, { run: "ticket", seed: 7, startedAt: 5000, expiresAt: 5000 + HOUR }];
  const run = await client.podium.startRun("forest");
  client.server.api = down;
  client.podium.submitScore("forest", 5, { run });
  await settle();
  await client.clock.advance(1500);
  client.podium.close();
  client.server.api = accepted;
  client.server.calls.length = 0;
  const next = await makeNextPage(client);
  await settle();
  assert.deepEqual(client.server.calls.at(-1).body, { gameArea: "forest", score: 5, run: "ticket" });
  assert.deepEqual(told(next), ["sent 5"]);
});

for (const [code, members] of [["season_over", { season: 13 }], ["no_attempts", { resetsAt: 99 }], ["run_expired", {}]]) {
  test(`a score that waited and is refused as ${code} is dropped with a message, and not tried again`, async () => {
    const client = await makeOffline([5, 6]);
    const { server, clock } = client;
    server.api = (request) =>
      request.body.score === 5 ? problem(409, {}, { code, detail: "it is too late", ...members }) : accepted(request);
    await clock.advance(60_000);
    assert.deepEqual(sent(server), [5, 6]);
    const [{ error }] = dropped(client);
    assert.deepEqual([error.code, error.message], [code, "it is too late"]);
    for (const [name, value] of Object.entries(members)) assert.equal(error[name], value);
    assert.deepEqual(waiting(client), []);
  });
}

test("a score above a limit of its area waits as long as the server says, and holds up no other area", async () => {
  const client = await makePlayer();
  const { podium, server, clock } = client;
  const rule = "areas.forest.rules.submits";
  let isLimited = true;
  server.api = (request) =>
    request.body.gameArea === "forest" && isLimited ? problem(429, { "Retry-After": "600" }, { rule }) : accepted(request);
  const [first, second] = [podium.submitScore("forest", 5), podium.submitScore("forest", 6)];
  const other = podium.submitScore("sprint", 7);
  await settle();
  assert.equal((await first).queued, true);
  assert.equal((await second).queued, true);
  assert.equal((await other).improved, true);
  assert.equal((await podium.submitScore("forest", 8)).queued, true);
  isLimited = false;
  await clock.advance(599_000);
  assert.deepEqual(sent(server), [5, 7]);
  await clock.advance(2_000);
  assert.deepEqual(sent(server), [5, 7, 5, 6, 8]);
  assert.deepEqual(waiting(client), []);
});

test("all scores of a player who is gone are dropped, and the player is signed out", async () => {
  const client = await makeOffline([5, 6]);
  client.server.api = () => problem(410, {}, { code: "deleted" });
  await client.clock.advance(30_000);
  assert.deepEqual(dropped(client).map(({ score, error }) => [score, error.code]), [[5, "deleted"], [6, "deleted"]]);
  assert.deepEqual(sent(client.server), [5]);
  assert.equal(client.podium.user, null);
  assert.equal(client.storage.items.size, 0);
});

test("a player who deletes the account leaves no scores behind", async () => {
  const client = await makeOffline([5]);
  client.server.api = () => [204, null];
  await client.podium.deleteAccount();
  assert.deepEqual(told(client), ["dropped 5"]);
  assert.equal(client.storage.items.size, 0);
});

test("the scores of a guest who was taken over are dropped with a message", async () => {
  const client = await makeClient();
  const { podium, server, clock } = client;
  await podium.playAsGuest();
  server.api = down;
  const kept = podium.submitScore("forest", 5);
  await settle();
  await clock.advance(1500);
  await kept;
  server.users.set("ada", { password: "secret", confirmed: true });
  await podium.signIn("ada", "secret");
  server.api = ({ url }) => (url.endsWith("/account/merge") ? [200, { state: "done" }] : accepted({ body: {} }));
  await podium.mergeGuest();
  assert.deepEqual(dropped(client).map(({ error }) => error.code), ["deleted"]);
  await clock.advance(HOUR);
  assert.equal([...client.storage.items.keys()].filter((key) => key.startsWith(PREFIX)).length, 0);
});

test("a 500 is the answer to the caller, with the key to try again with; the score is not kept", async () => {
  const client = await makePlayer();
  client.server.api = () => problem(500);
  await assert.rejects(client.podium.submitScore("forest", 5), ({ status, idempotencyKey }) => {
    assert.equal(status, 500);
    assert.equal(idempotencyKey, keys(client.server)[0]);
    return true;
  });
  await client.clock.advance(HOUR);
  assert.deepEqual(sent(client.server), [5]);
});

test("a score over which the server fails lets those of other areas go first, and stays", async () => {
  const client = await makeOffline([5, 6]);
  const { podium, server, clock } = client;
  await podium.submitScore("sprint", 7);
  server.api = ({ body }) => (body.gameArea === "forest" ? problem(500) : accepted({ body }));
  await clock.advance(30_000);
  assert.deepEqual(sent(server), [5, 7]);
  assert.equal((await podium.submitScore("forest", 9)).queued, true); // behind the others
  assert.equal((await podium.submitScore("sprint", 8)).best, 8);
  assert.deepEqual(waiting(client), [5, 6, 9]);
  server.api = accepted;
  await clock.advance(60_000);
  assert.deepEqual(sent(server), [5, 7, 8, 5, 6, 9]);
  assert.deepEqual(waiting(client), []);
});

test("of more than 200 scores the oldest is dropped with a message", async () => {
  const client = await makeOffline(Array.from({ length: 200 }, (_, index) => index));
  await client.podium.submitScore("forest", 200);
  const [{ score, error }] = dropped(client);
  assert.deepEqual([score, error.code], [0, "TooManyScores"]);
  assert.deepEqual(waiting(client), Array.from({ length: 200 }, (_, index) => index + 1));
});

test("of more characters than they may take, the oldest are dropped; what is too large alone is refused", async () => {
  const client = await makeOffline([1, 2]);
  const submit = (score, length) => client.podium.submitScore("forest", score, { metadata: "x".repeat(length) });
  await submit(3, 50_000);
  assert.deepEqual(waiting(client), [1, 2, 3]);
  await submit(4, 211_750);
  assert.deepEqual(waiting(client), [3, 4]);
  assert.deepEqual(dropped(client).map(({ score, error }) => [score, error.code]), [[1, "TooManyScores"], [2, "TooManyScores"]]);
  await assert.rejects(submit(5, 270_000), { code: "ScoreTooLarge" });
  assert.deepEqual(waiting(client), [3, 4]);
});

test("what JSON cannot carry is the caller's error, and nothing is kept", async () => {
  const client = await makePlayer();
  await assert.rejects(client.podium.submitScore("forest", 5, { metadata: 1n }), TypeError);
  assert.deepEqual(waiting(client), []);
  client.server.api = accepted;
  assert.equal((await client.podium.submitScore("forest", 6)).best, 6);
});

test("a score asked for twice under one key is one", async () => {
  const client = await makePlayer();
  client.server.api = accepted;
  const answers = [1, 2].map(() => client.podium.submitScore("forest", 5, {}, { key: "k1" }));
  assert.deepEqual(await Promise.all(answers), [5, 5].map((score) => ({ gameArea: "forest", score, best: score, improved: true })));
  assert.deepEqual(sent(client.server), [5]);
});

const refuse = () => {
  throw new DOMException("refused", "QuotaExceededError");
};
const FAILING = {
  "refuses writes": () => Object.assign(new FakeStorage(), { setItem: refuse }),
  "cannot list its keys": () => Object.assign(new FakeStorage(), { key: undefined }),
  "cannot be had": () => refuse,
};

for (const [how, make] of Object.entries(FAILING)) {
  test(`with a storage that ${how}, scores wait until the page is closed`, async () => {
    const client = await makeOffline([5, 3], { storage: make() });
    assert.deepEqual(waiting(client), [5, 3]);
    client.server.api = accepted;
    await client.clock.advance(30_000);
    assert.deepEqual(sent(client.server), [5, 3]);
    assert.deepEqual(waiting(client), []);
  });
}

test("a storage that does not remove does not send a score again", async () => {
  const client = await makePlayer();
  client.server.api = accepted;
  client.storage.removeItem = refuse;
  await client.podium.submitScore("forest", 5);
  await client.podium.submitScore("forest", 6);
  assert.deepEqual(sent(client.server), [5, 6]);
});

/** Two tabs of a browser, in which ada is signed in, with the network down. */
async function makeTabs({ locks } = {}) {
  const browser = new FakeBrowser();
  const options = () => ({ ...browser.tab(), ...(locks === "without" && { locks: null }) });
  const [server, clock] = [new FakeServer(), new FakeClock()];
  const one = await makePlayer({ ...options(), server, clock });
  const two = await makeClient({ ...options(), server, clock });
  assert.equal(two.podium.user.username, "ada");
  server.api = down;
  server.calls.length = 0;
  return { one, two, server, clock, browser };
}

for (const locks of ["with", "without"]) {
  test(`two tabs ${locks} Web Locks send each score under one key, and each tab has its own answers`, async () => {
    const { one, two, server, clock } = await makeTabs({ locks });
    const taken = new Map();
    server.api = async (call) => {
      await settle();
      taken.set(call.headers["Idempotency-Key"], call.body.score);
      return accepted(call);
    };
    const answers = [one, two, one, two].map(({ podium }, score) => podium.submitScore("forest", score));
    for (let turn = 0; turn < 12; turn++) await settle();
    assert.deepEqual((await Promise.all(answers)).map(({ best }) => best), [0, 1, 2, 3]);
    assert.deepEqual([...taken.values()].sort(), [0, 1, 2, 3]);
    if (locks === "with") assert.deepEqual(sent(server), [0, 1, 2, 3]);
    assert.deepEqual([waiting(one), waiting(two)], [[], []]);
    await clock.advance(HOUR / 2);
    assert.equal(taken.size, 4);
  });

  test(`what waits in one tab ${locks} Web Locks shows in the other, and is sent once`, async () => {
    const { one, two, server, clock } = await makeTabs({ locks });
    const kept = one.podium.submitScore("forest", 5);
    await settle();
    await clock.advance(1500);
    await kept;
    assert.deepEqual([waiting(one), waiting(two)], [[5], [5]]);
    assert.equal(two.events.filter(([name]) => name === "waiting").length, 1);
    const seen = new Set();
    server.api = (call) => (seen.add(call.headers["Idempotency-Key"]), accepted(call));
    await clock.advance(30_000);
    assert.equal(seen.size, 1);
    assert.deepEqual([waiting(one), waiting(two)], [[], []]);
    assert.deepEqual(two.events.findLast(([name]) => name === "waiting")[1], []);
  });
}

test("a tab that hangs holds up the other's scores for ten seconds, and does no harm", async () => {
  const { one, two, server, clock } = await makeTabs({ locks: "with" });
  server.api = (call) => (call.body.score === 1 && sent(server).length === 1 ? new Promise(() => {}) : accepted(call));
  one.podium.submitScore("forest", 1);
  const other = two.podium.submitScore("forest", 2);
  await settle();
  assert.deepEqual(sent(server), [1]);
  await clock.advance(10_000);
  assert.equal((await other).best, 2);
  assert.deepEqual(sent(server), [1, 1, 2]);
  assert.equal(keys(server)[0], keys(server)[1]);
});

test("the scores of another deployment on the same origin are left alone", async () => {
  const storage = new FakeStorage();
  const other = JSON.stringify(stored());
  storage.setItem("podium.other.score.id-ada.k1", other);
  const client = await makePlayer({ storage });
  await settle();
  assert.deepEqual(waiting(client), []);
  assert.equal(storage.getItem("podium.other.score.id-ada.k1"), other);
});

test("a score that another tab has sent meanwhile is not brought back by the tab that gives up", async () => {
  const client = await makePlayer();
  client.server.api = down;
  const kept = client.podium.submitScore("forest", 5);
  await settle();
  const place = [...client.storage.items.keys()].find((key) => key.startsWith(PREFIX));
  client.storage.removeItem(place);
  await client.clock.advance(1500);
  assert.equal((await kept).queued, true);
  assert.equal(client.storage.getItem(place), null);
  assert.deepEqual(waiting(client), []);
});

test("a page whose storage is cleared by another has nothing that waits", async () => {
  const events = new EventTarget();
  const client = await makeOffline([5], { events });
  client.storage.items.clear();
  const cleared = { key: null, storageArea: client.storage };
  events.dispatchEvent(Object.assign(new Event("storage"), cleared));
  assert.deepEqual(client.events.findLast(([name]) => name === "waiting"), ["waiting", []]);
});

test("an answer ends the failures in a row", async () => {
  const client = await makeOffline([5]);
  client.server.api = accepted;
  await client.clock.advance(30_000);
  client.server.api = down;
  const kept = client.podium.submitScore("forest", 6);
  await settle();
  assert.deepEqual(client.clock.delays, [500]);
  await client.clock.advance(1500);
  assert.equal((await kept).queued, true);
});

/** A generator of whole numbers below a bound, the same each time for a seed. */
function dice(seed) {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

for (let seed = 1; seed <= 40; seed++) {
  test(`whatever is lost on the way, each score counts once and in its order (${seed})`, async () => {
    const roll = dice(seed);
    const browser = new FakeBrowser();
    const [server, clock] = [new FakeServer(), new FakeClock()];
    const options = () => ({ ...browser.tab(), server, clock, random: roll(1000) / 1000 });
    const counted = new Map(); // points by key, in the order in which they came
    let isBad = true;
    server.users.set("ada", { password: "secret", confirmed: true });
    server.api = (call) => {
      const { url, headers, body } = call;
      if (!url.endsWith("/score")) return [200, {}];
      const what = isBad ? roll(7) : 6;
      if (what === 0) return down();
      if (what === 1) return problem(503, { "Retry-After": String(roll(20)) });
      if (what === 2) return problem(429);
      if (!counted.has(headers["Idempotency-Key"])) counted.set(headers["Idempotency-Key"], body.score);
      if (what === 3) return down(); // the answer is lost
      if (what === 4) return problem(504);
      return accepted(call);
    };
    let client = await makeClient(options());
    await client.podium.signIn("ada", "secret");
    const made = [];
    for (let step = 0; step < 30; step++) {
      const what = roll(6);
      if (what < 3) {
        made.push(made.length);
        client.podium.submitScore("forest", made.length - 1);
      } else if (what === 3) {
        client.podium.close();
        client = await makeClient(options());
      }
      if (what !== 0) await clock.advance(roll(4) * 700);
      else await settle();
    }
    isBad = false;
    await clock.advance(120_000);
    assert.deepEqual([...counted.values()], made);
    assert.deepEqual(waiting(client), []);
    assert.deepEqual([...browser.storage.items.keys()].filter((key) => key.startsWith(PREFIX)), []);
  });
}
