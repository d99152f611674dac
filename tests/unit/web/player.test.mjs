import assert from "node:assert/strict";
import { test } from "node:test";

import { makePlayer, settle } from "./harness.mjs";

const PROGRESS = { level: 1, xp: 0, checkpoint: null, version: 0, money: 10 };

/** Each method, the request that it makes, and whether that must not happen twice. */
const METHODS = [
  ["profile", [], "GET", "/profile", undefined, false],
  ["rename", ["Ada"], "PUT", "/profile", { name: "Ada" }, false],
  ["deleteProfile", [], "DELETE", "/profile", undefined, false],
  ["progress", [], "GET", "/progress", undefined, false],
  [
    "saveProgress",
    [{ level: 2, xp: 120, checkpoint: { at: "well" }, version: 3 }],
    "POST",
    "/progress",
    { level: 2, xp: 120, checkpoint: { at: "well" }, version: 3 },
    true,
  ],
  ["unlock", ["oasis"], "POST", "/unlock", { id: "oasis" }, true],
  ["completeTask", ["daily-visit"], "POST", "/task/complete", { taskId: "daily-visit" }, true],
  ["addMoney", [25, "pickup"], "POST", "/money/add", { amount: 25, reason: "pickup" }, true],
  ["shop", [], "GET", "/shop", undefined, false],
  ["buy", ["torch", 2], "POST", "/shop/buy", { itemId: "torch", quantity: 2 }, true],
  ["buy", ["compass"], "POST", "/shop/buy", { itemId: "compass", quantity: 1 }, true],
  ["choosePortrait", ["avatars/a/1"], "POST", "/avatar/update", { key: "avatars/a/1" }, false],
];

for (const [name, args, method, path, body, once] of METHODS) {
  test(`${name}(${args.map((arg) => JSON.stringify(arg))}) is ${method} ${path}`, async () => {
    const { podium, server } = await makePlayer();
    server.api = () => [200, PROGRESS];
    assert.deepEqual(await podium[name](...args), PROGRESS);
    const [call] = server.calls;
    assert.deepEqual([call.method, call.url, call.body], [method, `http://podium.test${path}`, body]);
    assert.match(call.headers.Authorization, /^Bearer /);
    if (once) assert.match(call.headers["Idempotency-Key"], /^[a-z0-9]{20}$/);
    else assert.equal(call.headers["Idempotency-Key"], undefined);
  });
}

const keys = ({ calls }) => calls.map(({ headers }) => headers["Idempotency-Key"]);

/** A player whose requests get these answers, one after the other; null is a network that fails. */
async function makeAnswered(...answers) {
  const client = await makePlayer();
  client.server.api = () => {
    const answer = answers.shift();
    if (!answer) throw new TypeError("fetch failed");
    return answer;
  };
  return client;
}

const BUSY = [503, { title: "Service Unavailable", status: 503, detail: "too many writes at once; try again" }];

test("an action without an answer is sent again under the same key, after a growing delay", async () => {
  const { podium, server, clock } = await makeAnswered(null, BUSY, [200, PROGRESS]);
  const bought = podium.buy("torch");
  await settle();
  assert.equal(server.calls.length, 1);
  assert.deepEqual(clock.delays, [500]);
  await clock.advance(500);
  assert.deepEqual(clock.delays, [1000]);
  await clock.advance(1000);
  assert.deepEqual(await bought, PROGRESS);
  assert.equal(new Set(keys(server)).size, 1);
  assert.deepEqual(server.calls[2].body, server.calls[0].body);
});

test("each call has a key of its own", async () => {
  const { podium, server } = await makeAnswered([200, PROGRESS], [200, PROGRESS]);
  await podium.buy("torch");
  await podium.buy("torch");
  assert.equal(new Set(keys(server)).size, 2);
});

test("an action is sent three times at most", async () => {
  const { podium, server, clock } = await makeAnswered(null, BUSY, BUSY);
  const refused = assert.rejects(podium.unlock("oasis"), { status: 503, detail: BUSY[1].detail });
  await settle();
  await clock.advance(1500);
  await refused;
  assert.equal(server.calls.length, 3);
});

for (const status of [402, 404, 409, 422, 500]) {
  test(`a ${status} is the answer: it is not sent again`, async () => {
    const { podium, server } = await makeAnswered([status, { title: "No", status, detail: "no" }]);
    await assert.rejects(podium.completeTask("daily-visit"), { status });
    assert.equal(server.calls.length, 1);
  });
}

test("an action is not sent again once somebody else is signed in", async () => {
  const { podium, server, clock } = await makeAnswered(null, [200, PROGRESS]);
  const refused = assert.rejects(podium.addMoney(5, "pickup"), { code: "NetworkError" });
  await settle();
  await podium.playAsGuest();
  await clock.advance(500);
  await refused;
  assert.equal(server.calls.filter(({ url }) => url.endsWith("/money/add")).length, 1);
});

test("a read that fails is not sent again", async () => {
  const { podium, server } = await makeAnswered(null);
  await assert.rejects(podium.progress(), { code: "NetworkError" });
  assert.equal(server.calls.length, 1);
});

test("a stale save says which version is stored", async () => {
  const problem = { title: "Conflict", status: 409, detail: "version: the stored progress is version 8", version: 8 };
  const { podium } = await makeAnswered([409, problem]);
  const save = { level: 1, xp: 0, checkpoint: null, version: 7 };
  await assert.rejects(podium.saveProgress(save), { status: 409, version: 8 });
});

test("a portrait's address names its key and size", async () => {
  const { podium } = await makePlayer();
  const root = "http://podium.test/avatar/view?key=avatars%2Fada%2F1&size=";
  assert.equal(podium.portraitUrl("avatars/ada/1", 48), `${root}48`);
  assert.equal(podium.portraitUrl("avatars/ada/1"), `${root}128`);
});
