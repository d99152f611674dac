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

const problem = (status, headers = {}) => [status, { title: "No", status, detail: "no" }, headers];
const BUSY = problem(503, { "Retry-After": "2" });

test("an action without an answer is sent again under the same key, after a growing delay", async () => {
  const { podium, server, clock } = await makeAnswered(null, problem(503), [200, PROGRESS]);
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

for (const status of [408, 429, 500, 502, 503, 504]) {
  test(`an action that is answered with ${status} is sent again under the same key`, async () => {
    const { podium, server, clock } = await makeAnswered(problem(status), [200, PROGRESS]);
    const paid = podium.addMoney(25, "pickup");
    await settle();
    await clock.advance(500);
    assert.deepEqual(await paid, PROGRESS);
    assert.equal(new Set(keys(server)).size, 1);
    assert.equal(server.calls.length, 2);
  });
}

test("a success without its body is a lost answer", async () => {
  const { podium, server, clock } = await makeAnswered([200, null], [200, PROGRESS]);
  const paid = podium.addMoney(25, "pickup");
  await settle();
  await clock.advance(500);
  assert.deepEqual(await paid, PROGRESS);
  assert.equal(new Set(keys(server)).size, 1);
});

test("an action whose answer hangs is sent again when its time is up", async () => {
  const { podium, server, clock } = await makePlayer();
  const answers = [new Promise(() => {}), [200, PROGRESS]];
  server.api = () => answers.shift();
  const paid = podium.addMoney(25, "pickup");
  await settle();
  assert.deepEqual(clock.delays, [30_000]);
  await clock.advance(30_500);
  assert.deepEqual(await paid, PROGRESS);
  assert.equal(new Set(keys(server)).size, 1);
});

test("the time that an answer may take is the caller's to set", async () => {
  const { podium, server, clock } = await makePlayer({ timeout: 4_000 });
  server.api = () => new Promise(() => {});
  const refused = assert.rejects(podium.progress(), { code: "TimeoutError", message: /podium\.test/ });
  await settle();
  await clock.advance(4_000);
  await refused;
});

test("a Retry-After is waited for, and the jitter is added to it", async () => {
  const { podium, server, clock } = await makeAnswered(BUSY, [200, PROGRESS]);
  const paid = podium.addMoney(25, "pickup");
  await settle();
  assert.deepEqual(clock.delays, [2_500]);
  await clock.advance(2_500);
  assert.deepEqual(await paid, PROGRESS);
  assert.equal(server.calls.length, 2);
});

test("a Retry-After that no player would wait for is the outcome, with the key", async () => {
  const { podium, server } = await makeAnswered(problem(429, { "Retry-After": "30" }));
  const refusal = { status: 429, retryAfter: 30, idempotencyKey: /^[a-z0-9]{20}$/ };
  await assert.rejects(podium.addMoney(25, "pickup"), refusal);
  assert.equal(server.calls.length, 1);
});

test("an action is sent three times at most, and its error carries the key", async () => {
  const { podium, server, clock } = await makeAnswered(null, problem(502), problem(503));
  const outcome = podium.unlock("oasis").catch((error) => error);
  await settle();
  await clock.advance(1500);
  const error = await outcome;
  assert.deepEqual([error.status, error.detail], [503, "no"]);
  assert.equal(server.calls.length, 3);
  assert.deepEqual(keys(server), Array(3).fill(error.idempotencyKey));
});

for (const [name, ...args] of [
  ["saveProgress", { level: 1, xp: 0, checkpoint: null, version: 0 }],
  ["unlock", "oasis"],
  ["completeTask", "daily-visit"],
  ["addMoney", 25, "pickup"],
  ["buy", "torch", 1],
]) {
  test(`${name} takes the key of a call whose answer was lost`, async () => {
    const { podium, server } = await makeAnswered([200, PROGRESS]);
    await podium[name](...args, { key: "k1" });
    assert.deepEqual(keys(server), ["k1"]);
    assert.ok(!JSON.stringify(server.calls[0].body).includes("k1"));
  });
}

for (const status of [400, 402, 404, 409, 410, 422]) {
  test(`a ${status} is the answer: it is not sent again, and its key is spent`, async () => {
    const { podium, server } = await makeAnswered(problem(status));
    await assert.rejects(podium.completeTask("daily-visit", { key: "k1" }), { status, idempotencyKey: undefined });
    assert.equal(server.calls.length, 1);
  });
}

test("a refusal that is not the action's own leaves a lost answer lost: the error carries the key", async () => {
  const { podium, server, clock } = await makeAnswered(null, problem(401), problem(401));
  const unauthorized = assert.rejects(podium.addMoney(25, "pickup", { key: "k1" }), {
    status: 401,
    idempotencyKey: "k1",
  });
  await settle();
  await clock.advance(500);
  await unauthorized;

  await clock.advance(3_600_000);
  server.refuse.set("InitiateAuth", "NotAuthorizedException");
  await assert.rejects(podium.addMoney(25, "pickup", { key: "k2" }), {
    code: "NotAuthorizedException",
    idempotencyKey: "k2",
  });
});

test("an action is not sent again once another player is signed in", async () => {
  const { podium, server, clock } = await makeAnswered(null, [200, PROGRESS]);
  const refused = assert.rejects(podium.addMoney(5, "pickup", { key: "k1" }), {
    code: "NetworkError",
    idempotencyKey: "k1",
  });
  await settle();
  await podium.playAsGuest();
  await clock.advance(500);
  await refused;
  assert.equal(server.calls.filter(({ url }) => url.endsWith("/money/add")).length, 1);
});

test("a request is not repeated with the token of another player", async () => {
  const { podium, server } = await makePlayer();
  server.api = async () => {
    await podium.playAsGuest();
    return problem(401);
  };
  await assert.rejects(podium.addMoney(5, "pickup"), { code: "SignedOut" });
  assert.equal(server.calls.filter(({ url }) => url.endsWith("/money/add")).length, 1);
});

const HARMLESS = {
  submitScore: (podium) => podium.submitScore("forest", 5),
  leaderboard: (podium) => podium.leaderboard("forest"),
  progress: (podium) => podium.progress(),
  rename: (podium) => podium.rename("Ada"),
  deleteProfile: (podium) => podium.deleteProfile(),
};

for (const [name, call] of Object.entries(HARMLESS)) {
  test(`${name} is sent again as it was where no answer came`, async () => {
    for (const first of [null, BUSY, problem(429, { "Retry-After": "1" }), problem(502), problem(504)]) {
      const { podium, server, clock } = await makeAnswered(first, [200, { done: true }]);
      const done = call(podium);
      await settle();
      await clock.advance(2500);
      assert.deepEqual(await done, { done: true });
      assert.equal(server.calls.length, 2);
      assert.deepEqual(server.calls[0], server.calls[1]);
    }
  });

  // A score is kept then: offline.test.mjs.
  if (name === "submitScore") continue;
  test(`${name} is sent three times at most`, async () => {
    const { podium, server, clock } = await makeAnswered(problem(429), problem(503), problem(503), [200, {}]);
    const refused = assert.rejects(call(podium), { status: 503 });
    await settle();
    await clock.advance(1500);
    await refused;
    assert.equal(server.calls.length, 3);
  });
}

test("a request waits as long as the server asks it to, and a random time longer", async () => {
  for (const [random, delay] of [
    [0, 4000],
    [1, 4500],
  ]) {
    const { podium, server, clock } = await makePlayer({ random });
    server.api = () => problem(503, { "Retry-After": "4" });
    const refused = assert.rejects(podium.progress(), { status: 503, retryAfter: 4 });
    const kept = podium.submitScore("forest", 5);
    await settle();
    assert.deepEqual(clock.delays, [delay, delay]);
    await clock.advance(9500);
    await refused;
    assert.equal((await kept).queued, true);
    assert.equal(server.calls.length, 6);
  }
});

test("a server that asks for more than ten seconds is not waited for", async () => {
  const { podium, server } = await makeAnswered(problem(429, { "Retry-After": "11" }));
  await assert.rejects(podium.progress(), { status: 429, retryAfter: 11 });
  assert.equal(server.calls.length, 1);
});

test("a Retry-After that is no number of seconds is passed over", async () => {
  for (const header of ["", "soon", "-1", "Wed, 21 Oct 2026 07:28:00 GMT"]) {
    const { podium, clock } = await makeAnswered(problem(503, { "Retry-After": header }), [200, {}]);
    const read = podium.progress();
    await settle();
    assert.deepEqual(clock.delays, [500]);
    await clock.advance(500);
    await read;
  }
});

test("a POST that may do something twice is sent again after a 429 alone, which has done nothing", async () => {
  const throttled = await makeAnswered(problem(429), [200, { done: true }]);
  const done = throttled.podium.request("POST", "/avatar/process", {});
  await settle();
  await throttled.clock.advance(500);
  assert.deepEqual(await done, { done: true });
  for (const answer of [null, problem(503)]) {
    const { podium, server } = await makeAnswered(answer);
    await assert.rejects(podium.request("POST", "/avatar/process", {}));
    assert.equal(server.calls.length, 1);
  }
});

test("a 500 of a score is the answer: it would be one again", async () => {
  const { podium, server } = await makeAnswered(problem(500));
  await assert.rejects(podium.submitScore("forest", 5), { status: 500 });
  assert.equal(server.calls.length, 1);
});

test("a score is not sent again once another player is signed in", async () => {
  const { podium, server, clock } = await makeAnswered(problem(503), [200, {}]);
  const kept = podium.submitScore("forest", 5);
  await settle();
  await podium.playAsGuest();
  await clock.advance(5000);
  assert.equal((await kept).queued, true);
  assert.equal(server.calls.filter(({ url }) => url.endsWith("/score")).length, 1);
});

test("a stale save says which version is stored", async () => {
  const conflict = { title: "Conflict", status: 409, detail: "version: the stored progress is version 8", version: 8 };
  const { podium } = await makeAnswered([409, conflict]);
  const save = { level: 1, xp: 0, checkpoint: null, version: 7 };
  await assert.rejects(podium.saveProgress(save), { status: 409, version: 8 });
});

test("a portrait's address names its key and size", async () => {
  const { podium } = await makePlayer();
  const root = "http://podium.test/avatar/view?key=avatars%2Fada%2F1&size=";
  assert.equal(podium.portraitUrl("avatars/ada/1", 48), `${root}48`);
  assert.equal(podium.portraitUrl("avatars/ada/1"), `${root}128`);
});
