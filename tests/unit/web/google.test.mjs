import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeBrowser, FakePage, FakeServer, FakeStorage, HOSTED, makeClient } from "./harness.mjs";

const PLAYER = { id: "id-google_113894756", username: "google_113894756" };
const ATTEMPTS = "podium.client.google";
const CONFIG = { hostedUiUrl: HOSTED };

const errors = ({ events }) => events.filter(([name]) => name === "error").map(([, { code }]) => code);

/** A browser in which `ada` is signed in, and a player has gone to Google; `open` opens the page once more. */
async function leave() {
  const server = new FakeServer();
  server.users.set("ada", { password: "secret", confirmed: true });
  const storage = new FakeStorage();
  const page = new FakePage("http://game.test/play?theme=dark#top");
  const open = (options) => makeClient({ server, storage, page, config: CONFIG, ...options });
  const { podium } = await open();
  await podium.signIn("ada", "secret");
  await podium.signInWithGoogle();
  server.calls.length = 0;
  return { server, storage, page, open };
}

test("the way to Google has a state, a challenge and the scopes that account calls need", async () => {
  const { page } = await leave();
  const [to] = page.assigned;
  assert.equal(`${to.origin}${to.pathname}`, `${HOSTED}/oauth2/authorize`);
  const { state, code_challenge: challenge, ...rest } = Object.fromEntries(to.searchParams);
  assert.deepEqual(rest, {
    identity_provider: "Google",
    response_type: "code",
    client_id: "client",
    redirect_uri: "http://game.test/play",
    scope: "openid email profile aws.cognito.signin.user.admin",
    code_challenge_method: "S256",
  });
  assert.match(state, /^.{32}$/);
  assert.match(challenge, /^[\w-]{43}$/);
});

test("the player who comes back is signed in, and the address bar is as it was", async () => {
  const { server, page, open, storage } = await leave();
  page.location.href = server.hosted.authorize(page.assigned[0], "theme=dark");
  const client = await open();
  assert.deepEqual(client.podium.user, PLAYER);
  assert.equal(client.podium.isGuest, false);
  assert.equal(page.location.href, "http://game.test/play?theme=dark");
  assert.deepEqual(errors(client), []);
  assert.equal(storage.getItem(ATTEMPTS), null);
  const [{ url, method, headers }] = server.calls;
  assert.deepEqual([url, method], [`${HOSTED}/oauth2/token`, "POST"]);
  assert.deepEqual(headers, { "Content-Type": "application/x-www-form-urlencoded" });
});

test("a player of Google's renews tokens and adds an address as any other", async () => {
  const { server, page, open } = await leave();
  page.location.href = server.hosted.authorize(page.assigned[0]);
  const { podium, clock } = await open();
  await clock.advance(3_600_000);
  await podium.addEmail("ada@example.org");
  assert.deepEqual(server.operations(), ["InitiateAuth", "UpdateUserAttributes"]);
});

test("a reload and a second tab at the same address change nothing", async () => {
  const { server, page, open } = await leave();
  const back = server.hosted.authorize(page.assigned[0]);
  page.location.href = back;
  await open();
  for (const address of [page.location.href, back]) {
    page.location.href = address;
    server.calls.length = 0;
    const client = await open();
    assert.deepEqual(client.podium.user, PLAYER);
    assert.deepEqual(errors(client), []);
    assert.deepEqual(server.calls, []);
    assert.ok(!page.location.href.includes("code="));
  }
});

test("two sign-ins begun in two tabs both come back", async () => {
  const { server, page, open } = await leave();
  const { podium } = await open();
  await podium.signInWithGoogle();
  for (const to of page.assigned) {
    page.location.href = server.hosted.authorize(to);
    const client = await open();
    assert.deepEqual(client.podium.user, PLAYER);
    await client.podium.signOut();
  }
});

test("a code with a state that was not begun here signs no player in", async () => {
  const { server, page, open } = await leave();
  const back = new URL(server.hosted.authorize(page.assigned[0]));
  back.searchParams.set("state", "of-another-page");
  page.location.href = back.href;
  const client = await open();
  assert.equal(client.podium.user.username, "ada");
  await client.podium.signOut();
  page.location.href = back.href;
  const again = await open();
  assert.equal(again.podium.user, null);
  assert.deepEqual(errors(again), ["google_state"]);
  assert.deepEqual(
    server.calls.filter(({ url }) => url.startsWith(HOSTED)),
    [],
  );
});

for (const state of ["constructor", "__proto__", "toString"]) {
  test(`the state ${state}, which no sign-in here has, is refused, and the words that come with it are not shown`, async () => {
    const { server, page, open } = await leave();
    await (await open()).podium.signOut();
    server.calls.length = 0;
    for (const answer of ["code=of-another", "error=x&error_description=Call+me"]) {
      page.location.href = `http://game.test/play?${answer}&state=${state}`;
      const client = await open();
      assert.deepEqual(errors(client), ["google_state"]);
      assert.deepEqual(server.calls, []);
    }
  });
}

test("a sign-in that was begun an hour ago is over", async () => {
  const { server, page, open } = await leave();
  const { podium, clock } = await open();
  await podium.signOut();
  page.location.href = server.hosted.authorize(page.assigned[0]);
  await clock.advance(3_600_000);
  const client = await open({ clock });
  assert.deepEqual(errors(client), ["google_state"]);
});

test("an error of the provider's is shown, and the former player stays", async () => {
  const { page, open } = await leave();
  const state = page.assigned[0].searchParams.get("state");
  page.location.href = `http://game.test/play?error=access_denied&error_description=The+player+said+no&state=${state}`;
  const client = await open();
  assert.equal(client.podium.user.username, "ada");
  const [[, error]] = client.events.filter(([name]) => name === "error");
  assert.deepEqual([error.code, error.message, error.detail], ["google_refused", "The player said no", "access_denied"]);
  assert.equal(page.location.href, "http://game.test/play");
});

for (const [name, fail, code] of [
  ["is refused", (server) => server.hosted.codes.clear(), "google_failed"],
  ["is never answered", (server) => server.lost.add("token"), "NetworkError"],
  ["has no tokens", (server) => (server.hosted.token = () => [200, {}]), "BadAnswer"],
]) {
  test(`an exchange that ${name} leaves the former player signed in`, async () => {
    const { server, page, open } = await leave();
    page.location.href = server.hosted.authorize(page.assigned[0]);
    fail(server);
    const client = await open();
    assert.equal(client.podium.user.username, "ada");
    assert.deepEqual(errors(client), [code]);
    assert.equal(page.location.href, "http://game.test/play");
  });
}

test("a code without the verifier of its challenge is worth nothing", async () => {
  const { server, page, open, storage } = await leave();
  const attempts = JSON.parse(storage.getItem(ATTEMPTS));
  for (const attempt of Object.values(attempts)) attempt.verifier = "x".repeat(64);
  storage.setItem(ATTEMPTS, JSON.stringify(attempts));
  page.location.href = server.hosted.authorize(page.assigned[0]);
  assert.deepEqual(errors(await open()), ["google_failed"]);
});

test("parameters of the game's own are left alone", async () => {
  const server = new FakeServer();
  for (const query of ["?code=LEVEL7", "?state=paused", "?error=404"]) {
    const page = new FakePage(`http://game.test/play${query}`);
    const client = await makeClient({ server, page, config: CONFIG });
    assert.equal(page.location.href, `http://game.test/play${query}`);
    assert.deepEqual(errors(client), []);
  }
  const page = new FakePage("http://game.test/play?code=1&state=2");
  await makeClient({ server, page });
  assert.equal(page.location.href, "http://game.test/play?code=1&state=2");
});

test("attempts that cannot be read count as none", async () => {
  const { server, page, open, storage } = await leave();
  for (const text of ["{", "7", '{"a":{}}', '[null]']) {
    storage.setItem(ATTEMPTS, text);
    page.location.href = server.hosted.authorize(page.assigned[0]);
    const client = await open();
    assert.equal(client.podium.user.username, "ada");
    await client.podium.signInWithGoogle();
  }
});

test("a game without hosted pages, and a browser that stores nothing, say so", async () => {
  const page = new FakePage("http://game.test/");
  const without = await makeClient({ page });
  await assert.rejects(without.podium.signInWithGoogle(), { code: "google_off" });
  const storage = new FakeStorage();
  storage.setItem = () => {
    throw new DOMException("refused", "QuotaExceededError");
  };
  const { podium } = await makeClient({ page, storage, config: CONFIG });
  await assert.rejects(podium.signInWithGoogle(), { code: "StorageRefused" });
  assert.deepEqual(page.assigned, []);
});

test("the other tab follows the player who came back", async () => {
  const browser = new FakeBrowser();
  const server = new FakeServer();
  const page = new FakePage("http://game.test/");
  const one = await makeClient({ server, ...browser.tab(), page, config: CONFIG });
  await one.podium.signInWithGoogle({ redirectUri: "http://game.test/signed-in" });
  assert.equal(page.assigned[0].searchParams.get("redirect_uri"), "http://game.test/signed-in");
  const back = new FakePage(server.hosted.authorize(page.assigned[0]));
  await makeClient({ server, ...browser.tab(), page: back, config: CONFIG });
  assert.deepEqual(one.podium.user, PLAYER);
});
