import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeServer, FakeStorage, makeClient, makePlayer, makeToken } from "./harness.mjs";

const SESSION = "podium.client.session";
const GUEST = "podium.client.guest";

const errors = ({ events }) => events.filter(([name]) => name === "error").map(([, { code }]) => code);

const STORED = {
  idToken: makeToken("id-ada", "ada"),
  refreshToken: "refresh-ada",
  expiresAt: 4e12,
  user: { id: "id-ada", username: "ada" },
  guest: false,
};

test("a stored session in order is taken over", async () => {
  const storage = new FakeStorage();
  storage.setItem(SESSION, JSON.stringify(STORED));
  const client = await makeClient({ storage });
  assert.equal(client.podium.user.username, "ada");
  assert.deepEqual(errors(client), []);
});

const DAMAGED = [
  "{",
  "",
  "null",
  "7",
  "[]",
  '"text"',
  "{}",
  ...[
    { idToken: undefined },
    { idToken: 7 },
    { idToken: "no-token" },
    { idToken: "a.b.c" },
    { idToken: `a.${btoa("null")}.c` },
    { idToken: makeToken("id-bob", "bob") },
    { refreshToken: undefined },
    { refreshToken: "" },
    { expiresAt: "soon" },
    { expiresAt: null },
    { user: null },
    { user: { id: "id-ada" } },
    { user: { username: "ada" } },
  ].map((change) => JSON.stringify({ ...STORED, ...change })),
];

for (const text of DAMAGED) {
  test(`a stored session of ${text.slice(-60) || "nothing"} counts as none, is removed and reported`, async () => {
    const storage = new FakeStorage();
    storage.setItem(SESSION, text);
    const client = await makeClient({ storage });
    assert.equal(client.podium.user, null);
    assert.equal(storage.getItem(SESSION), null);
    assert.deepEqual(errors(client), ["DamagedStorage"]); // though it was found before anybody could listen
    await client.podium.playAsGuest();
    assert.match(client.podium.user.username, /^guest-/);
  });
}

test("a session that is damaged under a page that plays is put right by it", async () => {
  const client = await makePlayer();
  const { podium, storage, clock } = client;
  storage.setItem(SESSION, "{");
  await clock.advance(3_600_000);
  await podium.progress();
  assert.equal(podium.user.username, "ada");
  assert.equal(JSON.parse(storage.getItem(SESSION)).user.username, "ada");
  assert.deepEqual(errors(client), []);
});

for (const text of ["{", "null", '{"username":"guest-otter-abcde"}', '{"username":7,"password":"x"}']) {
  test(`a stored guest of ${text} is reported as lost, and a new one plays`, async () => {
    const storage = new FakeStorage();
    storage.setItem(GUEST, text);
    const client = await makeClient({ storage });
    const { username } = await client.podium.playAsGuest();
    assert.deepEqual(errors(client), ["GuestLost"]);
    assert.equal(JSON.parse(storage.getItem(GUEST)).username, username);
  });
}

test("a damaged session does not cost the guest", async () => {
  const { podium, storage, server } = await makeClient();
  const guest = await podium.playAsGuest();
  storage.setItem(SESSION, "{");
  const again = await makeClient({ storage, server });
  assert.deepEqual(await again.podium.playAsGuest(), guest);
});

for (const text of ["{", null]) {
  test(`a guest whose stored password is ${text} stays while the session does`, async () => {
    const { podium, storage, server } = await makeClient();
    const guest = await podium.playAsGuest();
    if (text) storage.setItem(GUEST, text);
    else storage.removeItem(GUEST);
    const again = await makeClient({ storage, server });
    assert.deepEqual(await again.podium.playAsGuest(), guest);
    assert.deepEqual(errors(again), text ? ["DamagedStorage"] : []);
    assert.notDeepEqual(await again.podium.playAsGuest({ asNew: true }), guest);
  });
}

test("a guest whom the pool has forgotten is reported as lost", async () => {
  const client = await makeClient();
  await client.podium.playAsGuest();
  client.server.users.clear();
  await client.podium.playAsGuest();
  assert.deepEqual(errors(client), ["GuestLost"]);
});

test("a guest who is locked out by another's wrong passwords is not given up", async () => {
  const { podium, storage, server } = await makeClient();
  await podium.playAsGuest();
  const guest = storage.getItem(GUEST);
  await podium.signOut();
  server.InitiateAuth = () => [400, { __type: "NotAuthorizedException", message: "Password attempts exceeded" }];
  await assert.rejects(podium.playAsGuest(), { code: "NotAuthorizedException", message: /exceeded/ });
  assert.equal(storage.getItem(GUEST), guest);
});

const refusal = () => {
  throw new DOMException("refused", "QuotaExceededError");
};

/** Storages that fail, by how. */
const FAILING = {
  "refuses writes": () => Object.assign(new FakeStorage(), { setItem: refusal }),
  "refuses all": () => Object.assign(new FakeStorage(), { getItem: refusal, setItem: refusal, removeItem: refusal }),
  "drops what it is given": () => Object.assign(new FakeStorage(), { setItem: () => {} }),
  "cannot be had": () => refusal,
};

for (const [how, make] of Object.entries(FAILING)) {
  test(`with a storage that ${how}, players and guests play until the page is closed`, async () => {
    const server = new FakeServer();
    server.users.set("ada", { password: "secret", confirmed: true });
    const client = await makeClient({ storage: make(), server });
    const { podium, events, clock } = client;
    assert.equal((await podium.signIn("ada", "secret")).username, "ada");
    assert.deepEqual(events.filter(([name]) => name === "user"), [["user", { id: "id-ada", username: "ada" }]]);
    await clock.advance(3_600_000);
    await podium.progress();
    assert.equal(podium.user.username, "ada");
    const guest = await podium.playAsGuest();
    await podium.signOut();
    assert.equal(podium.user, null);
    assert.deepEqual(await podium.playAsGuest(), guest);
    assert.deepEqual(errors(client), ["StorageRefused"]);
  });
}

test("without any storage memory does, and there is nothing to tell", async () => {
  const client = await makeClient({ storage: () => undefined });
  const guest = await client.podium.playAsGuest();
  assert.deepEqual(await client.podium.playAsGuest(), guest);
  assert.deepEqual(errors(client), []);
});

test("a player who cannot be stored leaves none of another's in the storage", async () => {
  const { podium, storage, server } = await makePlayer();
  server.users.set("bob", { password: "secret", confirmed: true });
  storage.setItem = refusal;
  await podium.signIn("bob", "secret");
  assert.equal(podium.user.username, "bob");
  assert.equal(storage.getItem(SESSION), null);
});

test("a renewal that cannot be stored leaves the player's older session there", async () => {
  const { podium, storage, clock } = await makePlayer();
  const before = storage.getItem(SESSION);
  storage.setItem = refusal;
  await clock.advance(3_600_000);
  await podium.progress();
  assert.equal(storage.getItem(SESSION), before);
});

test("a sign-out that cannot be stored holds for this page", async () => {
  const { podium, storage, events } = await makePlayer();
  storage.removeItem = refusal;
  await podium.signOut();
  assert.equal(podium.user, null);
  assert.deepEqual(events.at(-1), ["user", null]);
});

test("a listener that throws leaves no sign-in half done", async (context) => {
  const told = context.mock.method(console, "error", () => {});
  const { podium, events, server } = await makeClient();
  server.users.set("ada", { password: "secret", confirmed: true });
  podium.on("user", () => {
    throw new Error("the game's own fault");
  });
  const late = [];
  podium.on("user", (user) => late.push(user.username));
  assert.equal((await podium.signIn("ada", "secret")).username, "ada");
  assert.deepEqual(late, ["ada"]);
  assert.equal(events.length, 1);
  assert.equal(told.mock.callCount(), 1);
});

test("an answer of Cognito's without a usable token signs no player in", async () => {
  const { podium, server, storage, events } = await makeClient();
  server.InitiateAuth = () => [200, { AuthenticationResult: { IdToken: "x", RefreshToken: "r", ExpiresIn: 3600 } }];
  await assert.rejects(podium.signIn("ada", "secret"), { code: "BadAnswer" });
  assert.equal(podium.user, null);
  assert.equal(storage.items.size, 0);
  assert.deepEqual(events, []);
});
