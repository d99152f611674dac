import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeBrowser, FakeServer, makeClient, settle } from "./harness.mjs";

const HOUR_MS = 3_600_000;
const SESSION = "podium.client.session";

const refreshes = ({ calls }) => calls.filter(({ body }) => body?.AuthFlow === "REFRESH_TOKEN_AUTH").length;

/** Two tabs of one browser, signed in as `ada`; `bob` and `eve` can sign in too. */
async function makeTabs(environment = {}) {
  const browser = new FakeBrowser();
  const server = new FakeServer();
  for (const name of ["ada", "bob", "eve"]) server.users.set(name, { password: "secret", confirmed: true });
  const one = await makeClient({ server, ...browser.tab(), ...environment });
  const two = await makeClient({ server, ...browser.tab(), ...environment });
  await one.podium.signIn("ada", "secret");
  const stored = () => JSON.parse(browser.storage.getItem(SESSION))?.user.username ?? null;
  return { browser, server, one, two, stored };
}

/** Holds Cognito's answers back until the function that is returned is called. */
function hold(server, operation = "InitiateAuth") {
  let release;
  server.held.set(operation, new Promise((resolve) => (release = resolve)));
  return () => (server.held.delete(operation), release());
}

test("a sign-in, another player's and a sign-out are followed by the other tab, each with one event", async () => {
  const { one, two } = await makeTabs();
  assert.equal(two.podium.user.username, "ada");
  await one.podium.signIn("bob", "secret");
  assert.equal(two.podium.user.username, "bob");
  await two.podium.signOut();
  assert.equal(one.podium.user, null);
  const users = ({ events }) => events.filter(([name]) => name === "user").map(([, user]) => user?.username);
  assert.deepEqual(users(one), ["ada", "bob", undefined]);
  assert.deepEqual(users(two), ["ada", "bob", undefined]);
});

test("a storage that is cleared signs the other tab out, and another key's event changes nothing", async () => {
  const { browser, two } = await makeTabs();
  const tab = browser.tab();
  tab.storage.setItem("the game's own", "{");
  assert.equal(two.podium.user.username, "ada");
  browser.storage.items.clear();
  tab.storage.removeItem(null);
  assert.equal(two.podium.user, null);
});

for (const locks of ["with", "without"]) {
  test(`a renewal ${locks} Web Locks never overwrites the player of another tab`, async () => {
    const { browser, server, one, two, stored } = await makeTabs(locks === "with" ? {} : { locks: null });
    browser.isDeaf = true;
    await one.clock.advance(HOUR_MS);
    const release = hold(server);
    const asked = assert.rejects(one.podium.progress(), { code: "SignedOut" }); // it was ada's request
    await settle();
    assert.equal(refreshes(server), 1);
    server.held.delete("InitiateAuth");
    await two.podium.signIn("bob", "secret");
    release();
    await asked;
    assert.equal(stored(), "bob");
    assert.equal(one.podium.user.username, "bob");
  });

  test(`a renewal ${locks} Web Locks does not bring back who signed out in another tab`, async () => {
    const { browser, server, one, two, stored } = await makeTabs(locks === "with" ? {} : { locks: null });
    browser.isDeaf = true;
    await one.clock.advance(HOUR_MS);
    const release = hold(server);
    const asked = assert.rejects(one.podium.progress(), { code: "SignedOut" });
    await settle();
    await two.podium.signOut();
    release();
    await asked;
    assert.equal(stored(), null);
    assert.equal(one.podium.user, null);
  });
}

test("a renewal that is refused leaves another tab's player signed in", async () => {
  const { browser, server, one, two, stored } = await makeTabs();
  browser.isDeaf = true;
  await one.clock.advance(HOUR_MS);
  const release = hold(server);
  const asked = assert.rejects(one.podium.progress(), { code: "SignedOut" });
  await settle();
  server.held.delete("InitiateAuth");
  await two.podium.signIn("bob", "secret");
  server.users.delete("ada");
  release();
  await asked;
  assert.equal(stored(), "bob");
});

test("with Web Locks one tab renews, and the other takes over what it got", async () => {
  const { server, one, two } = await makeTabs();
  await Promise.all([one, two].map(({ clock }) => clock.advance(HOUR_MS)));
  await Promise.all([one.podium.progress(), two.podium.progress()]);
  assert.equal(refreshes(server), 1);
});

test("a tab that hangs while it renews does not keep the other waiting", async () => {
  const { server, one, two } = await makeTabs();
  await Promise.all([one, two].map(({ clock }) => clock.advance(HOUR_MS)));
  const release = hold(server);
  const first = one.podium.progress();
  await settle();
  server.held.delete("InitiateAuth");
  const second = two.podium.progress();
  await settle();
  assert.equal(refreshes(server), 1);
  await two.clock.advance(10_000);
  await second;
  assert.equal(refreshes(server), 2);
  release();
  await first;
});

test("a page that may have no locks renews without them", async () => {
  const request = async () => {
    throw new DOMException("denied", "SecurityError");
  };
  const { server, one } = await makeTabs({ locks: { request } });
  await one.clock.advance(HOUR_MS);
  await one.podium.progress();
  assert.equal(refreshes(server), 1);
});

test("two tabs that become guests at once are the same guest", async () => {
  const browser = new FakeBrowser();
  const server = new FakeServer();
  const tabs = [await makeClient({ server, ...browser.tab() }), await makeClient({ server, ...browser.tab() })];
  const [one, two] = await Promise.all(tabs.map(({ podium }) => podium.playAsGuest()));
  assert.deepEqual(one, two);
  assert.equal(server.users.size, 1);
});

test("a tab from the browser's cache follows what it has missed, and a closed client does not", async () => {
  const { browser, server } = await makeTabs();
  const tab = browser.tab();
  const { podium } = await makeClient({ server, ...tab });
  browser.isDeaf = true;
  browser.storage.removeItem(SESSION);
  assert.equal(podium.user.username, "ada");
  tab.events.dispatchEvent(new Event("pageshow"));
  assert.equal(podium.user, null);

  const closed = browser.tab();
  const other = await makeClient({ server, ...closed });
  other.podium.close();
  await (await makeClient({ server, ...browser.tab() })).podium.signIn("bob", "secret");
  closed.events.dispatchEvent(new Event("pageshow"));
  assert.equal(other.podium.user, null);
});

test("a tab whose own sign-in could not be stored follows the next sign-in of another tab", async () => {
  const { browser, two, server } = await makeTabs();
  const tab = browser.tab();
  const refused = await makeClient({ server, ...tab });
  tab.storage.setItem = () => {
    throw new DOMException("refused", "QuotaExceededError");
  };
  await refused.podium.signIn("eve", "secret");
  assert.equal(two.podium.user, null); // ada's session is no longer stored
  await two.podium.signIn("bob", "secret");
  assert.equal(refused.podium.user.username, "bob");
});
