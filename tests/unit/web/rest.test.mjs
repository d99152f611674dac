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
