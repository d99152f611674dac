import assert from "node:assert/strict";
import { test } from "node:test";

import { PodiumError } from "../../../clients/web/podium.js";
import { makeClient, makeResponse, settle } from "./harness.mjs";

async function makePlayer(api) {
  const client = await makeClient();
  client.server.api = api ?? client.server.api;
  await client.podium.playAsGuest();
  client.server.calls.length = 0;
  return client;
}

test("a score is posted with the player's token", async () => {
  const answer = { gameArea: "forest", score: 5, best: 5, improved: true };
  const { podium, server } = await makePlayer(() => [201, answer]);
  assert.deepEqual(await podium.submitScore("forest", 5), answer);
  const [{ url, method, headers, body }] = server.calls;
  assert.equal(url, "http://podium.test/score");
  assert.equal(method, "POST");
  assert.match(headers.Authorization, /^Bearer [\w-]+\./);
  assert.equal(headers["Content-Type"], "application/json");
  assert.deepEqual(body, { gameArea: "forest", score: 5 });
  assert.match(headers["Idempotency-Key"], /^[\w-]{20}$/);
});

test("a score carries the run's tie-break and metadata, and the key of an earlier try", async () => {
  const { podium, server } = await makePlayer(() => [500, null]);
  const run = { tiebreak: 7, metadata: { car: "red" } };
  const { idempotencyKey: key } = await podium.submitScore("forest", 5, run).catch((error) => error);
  server.api = () => [201, {}];
  await podium.submitScore("forest", 5, run, { key });
  assert.equal(server.calls.length, 2);
  assert.deepEqual(server.calls[0].body, { gameArea: "forest", score: 5, ...run });
  assert.equal(new Set(server.calls.map(({ headers }) => headers["Idempotency-Key"])).size, 1);
});

const RUN = { run: "ticket", seed: 7, startedAt: 1000, expiresAt: 61_000 };

test("a run is begun as the player, and its ticket goes with the score", async () => {
  const { podium, server, clock } = await makePlayer(() => [201, { ...RUN, attemptsLeft: 3 }]);
  const run = await podium.startRun("gauntlet");
  assert.deepEqual(run, { gameArea: "gauntlet", ...RUN, attemptsLeft: 3, receivedAt: clock.now() });
  server.api = () => [201, {}];
  await podium.submitScore("gauntlet", 5, { run });
  const [begun, submitted] = server.calls;
  assert.deepEqual([begun.method, begun.url, begun.body], ["POST", "http://podium.test/run", { gameArea: "gauntlet" }]);
  assert.match(begun.headers.Authorization, /^Bearer /);
  assert.deepEqual(submitted.body, { gameArea: "gauntlet", score: 5, run: "ticket" });
});

test("a run whose answer was lost is begun again, for a ticket costs nothing", async () => {
  const { podium, server, clock } = await makePlayer(() => [503, null]);
  const begun = podium.startRun("gauntlet");
  await settle();
  server.api = () => [201, RUN];
  await clock.advance(500);
  assert.equal((await begun).run, "ticket");
  await podium.signOut();
  await assert.rejects(podium.startRun("gauntlet"), { code: "SignedOut" });
});

test("seasons, a past one, and rewards are read by route and query", async () => {
  const { podium, server } = await makePlayer();
  await podium.seasons("forest-week");
  await podium.leaderboard("forest-week", { limit: 3, season: 11 });
  await podium.rank("forest-week", 2, { season: 11 });
  await podium.rankOf("forest-week", 5, null, { season: 11 });
  await podium.rewards({ limit: 5, cursor: "next" });
  assert.deepEqual(
    server.calls.map(({ url }) => url.slice("http://podium.test".length)),
    [
      "/seasons?gameArea=forest-week",
      "/leaderboard?gameArea=forest-week&limit=3&season=11",
      "/leaderboard/me?gameArea=forest-week&around=2&season=11",
      "/leaderboard/rank?gameArea=forest-week&score=5&season=11",
      "/rewards?limit=5&cursor=next",
    ],
  );
});

test("a reward is claimed under one key until there is an answer", async () => {
  const { podium, server, clock } = await makePlayer(() => [503, null]);
  const failed = podium.claimReward("forest-week", 11).catch((error) => error);
  await settle();
  await clock.advance(1500);
  const { idempotencyKey: key } = await failed;
  server.api = () => [200, { rank: 1, prize: { money: 500, items: { camel: 1 } }, money: 500 }];
  assert.equal((await podium.claimReward("forest-week", 11, { key })).money, 500);
  assert.deepEqual(server.calls[0].body, { gameArea: "forest-week", season: 11 });
  assert.equal(server.calls.length, 4);
  assert.deepEqual(new Set(server.calls.map(({ headers }) => headers["Idempotency-Key"])), new Set([key]));
});

for (const [code, members] of [
  ["claimed", { prize: { money: 20, items: {} }, rank: 3 }],
  ["in_review", { claimableAt: 1234 }],
  ["expired", {}],
]) {
  test(`a reward that is ${code} has its own answer, which says what there is to know`, async () => {
    const { podium, server } = await makePlayer(() => [409, { title: "Conflict", status: 409, code, ...members }]);
    await assert.rejects(podium.claimReward("forest-week", 11), (error) => {
      assert.deepEqual([error.code, error.status, error.idempotencyKey], [code, 409, undefined]);
      for (const [name, value] of Object.entries(members)) assert.deepEqual(error[name], value);
      return true;
    });
    assert.equal(server.calls.length, 1);
  });
}

test("a score that was refused has no key to try again with", async () => {
  const { podium } = await makePlayer(() => [422, { title: "Unprocessable", status: 422 }]);
  await assert.rejects(podium.submitScore("forest", -5), ({ status, idempotencyKey }) => {
    assert.deepEqual([status, idempotencyKey], [422, undefined]);
    return true;
  });
});

test("the catalogue is read without a token", async () => {
  const { podium, server } = await makeClient();
  await podium.catalogue();
  assert.deepEqual(server.calls.map(({ method, url, headers }) => [method, url, headers]), [
    ["GET", "http://podium.test/catalogue", {}],
  ]);
});

test("boards are read by route and query, without a token where no player is signed in", async () => {
  const { podium, server } = await makeClient();
  await podium.leaderboard("forest", { limit: 10, cursor: "a b" });
  await podium.leaderboard("global", { from: 48000 });
  await podium.rank("forest", 2);
  await podium.rankOf("forest", 120, 3);
  assert.deepEqual(
    server.calls.map(({ url, headers }) => [url, headers]),
    [
      ["http://podium.test/leaderboard?gameArea=forest&limit=10&cursor=a+b", {}],
      ["http://podium.test/leaderboard?gameArea=global&from=48000", {}],
      ["http://podium.test/leaderboard/me?gameArea=forest&around=2", {}],
      ["http://podium.test/leaderboard/rank?gameArea=forest&score=120&tiebreak=3", {}],
    ],
  );
});

test("a request takes headers of its own, such as an idempotency key", async () => {
  const { podium, server } = await makePlayer();
  await podium.request("POST", "/shop/buy", { itemId: "lamp" }, { headers: { "Idempotency-Key": "k1" } });
  assert.equal(server.calls[0].headers["Idempotency-Key"], "k1");
});

test("problem+json becomes a PodiumError with all that it says", async () => {
  const problem = {
    type: "about:blank",
    title: "Unprocessable Entity",
    status: 422,
    detail: "body.score: must be from 0 to 1000000",
    errors: [{ field: "body.score", detail: "must be from 0 to 1000000" }],
  };
  const { podium } = await makePlayer(() => [422, problem]);
  await assert.rejects(podium.submitScore("forest", -1), (error) => {
    assert.ok(error instanceof PodiumError);
    const { status, title, detail, errors, message } = error;
    assert.deepEqual({ type: "about:blank", status, title, detail, errors }, problem);
    assert.equal(message, problem.detail);
    return true;
  });
});

test("an error that is not JSON still has its status", async () => {
  const fetch = async () => makeResponse(502, "<h1>Bad Gateway</h1>");
  const { podium, clock } = await makeClient({ server: { fetch } });
  const refusal = { status: 502, code: "HttpError", message: /502/ };
  const failed = assert.rejects(podium.leaderboard("forest"), refusal);
  await settle();
  await clock.advance(1500);
  await failed;
});

test("no answer at all is a NetworkError that names the host", async () => {
  const fetch = async () => {
    throw new TypeError("fetch failed");
  };
  const { podium, clock } = await makeClient({ server: { fetch } });
  const failed = assert.rejects(podium.leaderboard("forest"), { code: "NetworkError", message: /podium\.test/ });
  await settle();
  await clock.advance(1500);
  await failed;
});

test("a 401 is tried once more with a fresh token", async () => {
  const tokens = [];
  const { podium } = await makePlayer(({ headers }) => {
    tokens.push(headers.Authorization);
    return tokens.length === 1 ? [401, { title: "Unauthorized", status: 401 }] : [200, { ok: true }];
  });
  assert.deepEqual(await podium.request("GET", "/progress"), { ok: true });
  assert.equal(tokens.length, 2);
  assert.notEqual(tokens[0], tokens[1]);
});

test("a second 401 is the answer, and so is one that a visitor gets", async () => {
  const { podium, server } = await makePlayer(() => [401, { title: "Unauthorized", status: 401 }]);
  await assert.rejects(podium.request("GET", "/progress"), { status: 401, message: "Unauthorized" });
  assert.equal(server.calls.filter(({ target }) => !target).length, 2);

  const visitor = await makeClient();
  visitor.server.api = () => [401, { title: "Unauthorized", status: 401 }];
  await assert.rejects(visitor.podium.request("GET", "/progress"), { status: 401 });
  assert.equal(visitor.server.calls.length, 1);
});

test("an export is one read with the player's token", async () => {
  const found = { userId: "id", standings: [], leftOut: [] };
  const { podium, server } = await makePlayer(() => [200, found]);
  assert.deepEqual(await podium.exportProfile(), found);
  const [{ method, url, headers }] = server.calls;
  assert.deepEqual([method, url], ["GET", "http://podium.test/profile/export"]);
  assert.match(headers.Authorization, /^Bearer /);
});

test("an export that comes too soon says when to come back", async () => {
  const { podium, server } = await makePlayer(() => [429, { status: 429, title: "Too Many" }, { "Retry-After": "60" }]);
  await assert.rejects(podium.exportProfile(), { status: 429, retryAfter: 60 });
  assert.equal(server.calls.length, 1);
});
