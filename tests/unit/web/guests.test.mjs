import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeBrowser, FakeServer, FakeStorage, makeClient, makePlayer } from "./harness.mjs";

const HOUR_MS = 3_600_000;
const GUEST = "podium.client.guest";
const SESSION = "podium.client.session";
const ADDRESS = "ada@example.org";

const stored = (storage, key = GUEST) => JSON.parse(storage.getItem(key));
const errors = ({ events }) => events.filter(([name]) => name === "error").map(([, { code }]) => code);

/** A client whose player is a guest. */
async function makeGuest(options) {
  const client = await makeClient(options);
  const guest = await client.podium.playAsGuest();
  client.server.calls.length = 0;
  return { ...client, guest };
}

/** A client whose guest has an e-mail address, and keeps the password that this browser made. */
async function makeUpgraded(options) {
  const client = await makeGuest(options);
  await client.podium.addEmail(ADDRESS);
  await client.podium.confirmEmail("123456");
  return client;
}

/** The session can be renewed no longer. */
async function loseSession({ clock, server }) {
  const { InitiateAuth } = FakeServer.prototype;
  server.InitiateAuth = (parameters) =>
    parameters.AuthFlow === "REFRESH_TOKEN_AUTH"
      ? [400, { __type: "NotAuthorizedException", message: "Refresh Token has expired" }]
      : InitiateAuth.call(server, parameters);
  await clock.advance(HOUR_MS);
}

for (const code of ["guests_busy", "guests_off"]) {
  test(`a guest who is refused as ${code} leaves nothing behind, and may come back`, async () => {
    const { podium, server, storage, events } = await makeClient();
    server.guests = code;
    await assert.rejects(podium.playAsGuest(), { code, status: 400, message: /guests/ });
    assert.equal(podium.user, null);
    assert.equal(storage.items.size, 0);
    server.guests = null;
    await podium.playAsGuest();
    assert.deepEqual(errors({ events }), []);
  });
}

test("a pool that leaves guests unconfirmed takes none", async () => {
  const { podium, server, storage } = await makeClient();
  server.SignUp = () => [200, { UserConfirmed: false }];
  await assert.rejects(podium.playAsGuest(), { code: "guests_off" });
  assert.equal(storage.items.size, 0);
});

test("a guest whose name is taken gets another, three times at most", async () => {
  const { podium, server } = await makeClient();
  let taken = 2;
  server.SignUp = (parameters) =>
    taken-- > 0
      ? [400, { __type: "UsernameExistsException", message: "User already exists" }]
      : FakeServer.prototype.SignUp.call(server, parameters);
  await podium.playAsGuest();
  const names = server.calls.filter(({ target }) => target === "SignUp").map(({ body }) => body.Username);
  assert.equal(new Set(names).size, 3);

  const other = await makeClient();
  other.server.refuse.set("SignUp", "UsernameExistsException");
  await assert.rejects(other.podium.playAsGuest(), { code: "UsernameExistsException" });
  assert.deepEqual(other.server.operations(), ["SignUp", "SignUp", "SignUp"]);
});

test("a guest whose sign-up was done and never answered is the same the next time", async () => {
  const { podium, server, events } = await makeClient();
  server.lost.add("SignUp");
  await assert.rejects(podium.playAsGuest(), { code: "NetworkError" });
  server.lost.clear();
  const { username } = await podium.playAsGuest();
  assert.deepEqual([...server.users.keys()], [username]);
  assert.deepEqual(errors({ events }), []);
});

test("a guest whose sign-up never arrived is no loss", async () => {
  const { podium, server, events } = await makeClient();
  server.lost.add("SignUp");
  await assert.rejects(podium.playAsGuest(), { code: "NetworkError" });
  server.lost.clear();
  server.users.clear();
  await podium.playAsGuest();
  assert.deepEqual(errors({ events }), []);
});

test("a guest with an address is the same player, and signs in with it", async () => {
  const { podium, server, guest, storage } = await makeGuest();
  assert.deepEqual(await podium.addEmail(ADDRESS), { destination: "a***@e***" });
  assert.equal(podium.isGuest, true);
  await podium.confirmEmail("123456");
  assert.equal(podium.isGuest, false);
  await podium.setPassword("Secret-word-1");
  assert.deepEqual(podium.user, guest);
  assert.deepEqual(server.operations(), ["UpdateUserAttributes", "VerifyUserAttribute", "ChangePassword"]);
  assert.deepEqual(
    server.calls.map(({ body }) => body),
    [
      { AccessToken: `access-${guest.username}`, UserAttributes: [{ Name: "email", Value: ADDRESS }] },
      { AccessToken: `access-${guest.username}`, AttributeName: "email", Code: "123456" },
      {
        AccessToken: `access-${guest.username}`,
        PreviousPassword: server.calls[2].body.PreviousPassword,
        ProposedPassword: "Secret-word-1",
      },
    ],
  );
  assert.deepEqual(stored(storage), { username: guest.username, upgraded: true });
  const elsewhere = await makeClient({ server });
  assert.deepEqual(await elsewhere.podium.signIn(ADDRESS, "Secret-word-1"), guest);
  assert.equal(elsewhere.podium.isGuest, false);
});

test("a session without an access token, of an earlier release, is renewed for one", async () => {
  const { server, storage, guest } = await makeGuest();
  const { accessToken, ...earlier } = stored(storage, SESSION);
  assert.equal(accessToken, `access-${guest.username}`);
  storage.setItem(SESSION, JSON.stringify(earlier));
  const { podium } = await makeClient({ server, storage });
  assert.deepEqual(podium.user, guest);
  await podium.addEmail(ADDRESS);
  assert.deepEqual(server.operations(), ["InitiateAuth", "UpdateUserAttributes"]);
});

test("an access token is renewed before it is used up", async () => {
  const { podium, server, clock } = await makeGuest();
  await clock.advance(HOUR_MS);
  await podium.addEmail(ADDRESS);
  assert.deepEqual(server.operations(), ["InitiateAuth", "UpdateUserAttributes"]);
});

test("a blank address, which would delete the one that is there, is refused", async () => {
  const { podium, server } = await makeGuest();
  for (const blank of ["", "  ", undefined]) {
    await assert.rejects(podium.addEmail(blank), { code: "InvalidParameterException" });
  }
  assert.deepEqual(server.operations(), []);
});

test("an address of another player is email_taken, and the guest stays one", async () => {
  const { podium, server } = await makeGuest();
  server.users.set("bob", { password: "secret", confirmed: true, email: ADDRESS });
  await podium.addEmail(ADDRESS);
  await assert.rejects(podium.confirmEmail("123456"), { code: "email_taken", message: /sign in with it/ });
  assert.equal(podium.isGuest, true);
});

test("a wrong code is said to be one, and changes nothing", async () => {
  const { podium, storage } = await makeGuest();
  await podium.addEmail(ADDRESS);
  await assert.rejects(podium.confirmEmail("000000"), { code: "CodeMismatchException" });
  assert.equal(podium.isGuest, true);
  assert.equal(stored(storage).upgraded, undefined);
});

test("a confirmation whose answer was lost is found out by trying again", async () => {
  const { podium, server, storage } = await makeGuest();
  await podium.addEmail(ADDRESS);
  server.lost.add("VerifyUserAttribute");
  await assert.rejects(podium.confirmEmail("123456"), { code: "NetworkError" });
  server.lost.clear();
  await podium.confirmEmail("123456");
  assert.equal(podium.isGuest, false);
  assert.equal(stored(storage).upgraded, true);
});

test("a code that is used up is no confirmation of another address", async () => {
  const { podium, server } = await makeUpgraded();
  await podium.addEmail("ada@example.com");
  server.refuse.set("VerifyUserAttribute", "ExpiredCodeException");
  await assert.rejects(podium.confirmEmail("123456"), { code: "ExpiredCodeException" });
});

test("the next token tells of an address whose confirmation was never answered", async () => {
  const { podium, server, clock, storage, guest } = await makeGuest();
  server.users.get(guest.username).email = ADDRESS;
  await clock.advance(HOUR_MS);
  await podium.request("GET", "/progress");
  assert.equal(podium.isGuest, false);
  assert.equal(stored(storage).upgraded, true);
});

test("a password whose change was never answered is one of two, and either signs the guest in", async () => {
  for (const isDone of [true, false]) {
    const { podium, server, storage, guest, events } = await makeGuest();
    const { password } = stored(storage);
    server.lost.add("ChangePassword");
    await assert.rejects(podium.setPassword("Secret-word-1"), { code: "NetworkError" });
    if (!isDone) server.users.get(guest.username).password = password;
    server.lost.clear();
    const again = await makeClient({ server, storage });
    assert.deepEqual(await again.podium.playAsGuest(), guest);
    assert.deepEqual(errors({ events }), []);
    assert.deepEqual(stored(storage), { username: guest.username, password: isDone ? "Secret-word-1" : password });
  }
});

test("a password whose change was never answered can be set again, to another one", async () => {
  const { podium, server, guest } = await makeGuest();
  server.lost.add("ChangePassword");
  await assert.rejects(podium.setPassword("Secret-word-1"), { code: "NetworkError" });
  server.lost.clear();
  await podium.setPassword("Secret-word-2");
  assert.equal(server.users.get(guest.username).password, "Secret-word-2");
});

test("a password that the policy refuses leaves the guest's as it is", async () => {
  const { podium, server, storage } = await makeGuest();
  const before = stored(storage);
  server.refuse.set("ChangePassword", "InvalidPasswordException");
  await assert.rejects(podium.setPassword("1"), { code: "InvalidPasswordException" });
  assert.deepEqual(stored(storage), before);
});

test("a guest whose password this browser has lost is told to use forgotPassword", async () => {
  const { podium, storage, server } = await makeUpgraded();
  storage.removeItem(GUEST);
  await assert.rejects(podium.setPassword("Secret-word-1"), { code: "guest_password_lost", message: /forgotPassword/ });
  const { destination } = await podium.forgotPassword(ADDRESS);
  assert.equal(destination, "a***@e***");
  await podium.confirmForgotPassword(ADDRESS, "123456", "Secret-word-1");
  await podium.signIn(ADDRESS, "Secret-word-1");
  assert.deepEqual(server.calls.at(-2).body, {
    ClientId: "client",
    Username: ADDRESS,
    ConfirmationCode: "123456",
    Password: "Secret-word-1",
  });
});

test("a guest whose password another device has set is told to use forgotPassword", async () => {
  const { podium, server, guest } = await makeUpgraded();
  server.users.get(guest.username).password = "of the other device";
  await assert.rejects(podium.setPassword("Secret-word-1"), { code: "guest_password_lost" });
});

test("a renewal that began before a confirmation in another tab makes no guest of the player again", async () => {
  const browser = new FakeBrowser();
  const server = new FakeServer();
  const one = await makeClient({ server, ...browser.tab(), locks: null });
  const two = await makeClient({ server, ...browser.tab(), locks: null });
  await one.podium.playAsGuest();
  await two.podium.addEmail(ADDRESS);
  const { InitiateAuth } = FakeServer.prototype;
  let release;
  const held = new Promise((resolve) => (release = resolve));
  server.InitiateAuth = async (parameters) => {
    const answer = InitiateAuth.call(server, parameters); // of before the confirmation
    await held;
    return answer;
  };
  await one.clock.advance(HOUR_MS);
  const asked = one.podium.request("GET", "/progress");
  await new Promise(setImmediate);
  await two.podium.confirmEmail("123456");
  release();
  await asked;
  assert.equal(one.podium.isGuest, false);
});

test("a guest may have a password of their own and be a guest all the same", async () => {
  const { podium, server, storage, guest } = await makeGuest();
  await podium.setPassword("Secret-word-1");
  assert.equal(podium.isGuest, true);
  const again = await makeClient({ server, storage });
  assert.deepEqual(await again.podium.playAsGuest(), guest);
});

test("changing a password takes the old one, and a guest's follows", async () => {
  const { podium, server } = await makePlayer();
  await podium.changePassword("secret", "Secret-word-1");
  await assert.rejects(podium.changePassword("secret", "x"), { code: "NotAuthorizedException" });
  assert.equal(server.users.get("ada").password, "Secret-word-1");

  const guest = await makeGuest();
  await guest.podium.changePassword(stored(guest.storage).password, "Secret-word-1");
  assert.deepEqual(stored(guest.storage), { username: guest.guest.username, password: "Secret-word-1" });
});

test("a wrong old password, sent where no answer comes, costs a guest nothing", async () => {
  const { podium, server, storage, guest } = await makeGuest();
  const { password } = stored(storage);
  server.lost.add("ChangePassword");
  await assert.rejects(podium.changePassword("a-typo", "Secret-word-1"), { code: "NetworkError" });
  server.lost.clear();
  assert.equal(server.users.get(guest.username).password, password);
  await podium.signOut();
  await podium.playAsGuest();
  assert.equal(podium.user.id, guest.id);
});

test("a player who is no guest adds an address too, and the guest of this browser stays", async () => {
  const { podium, server, storage } = await makeGuest();
  const before = stored(storage);
  server.users.set("ada", { password: "secret", confirmed: true });
  await podium.signIn("ada", "secret");
  await podium.addEmail(ADDRESS);
  await podium.confirmEmail("123456");
  await podium.changePassword("secret", "Secret-word-1");
  assert.deepEqual(stored(storage), before);
  await podium.signIn(ADDRESS, "Secret-word-1");
  assert.equal(podium.user.username, "ada");
});

test("an upgraded player plays on as who they are, with the password of this browser too", async () => {
  const client = await makeUpgraded();
  const { podium, guest, server, events } = client;
  server.calls.length = 0;
  assert.deepEqual(await podium.playAsGuest(), guest);
  assert.deepEqual(server.operations(), []);
  await loseSession(client);
  await podium.request("GET", "/progress");
  assert.deepEqual(podium.user, guest);
  assert.equal(podium.isGuest, false);
  assert.deepEqual(errors({ events }), []);
});

test("a lost session of an upgraded player makes no new guest, unless one is asked for", async () => {
  const client = await makeUpgraded();
  const { podium, server, guest, storage } = client;
  await podium.setPassword("Secret-word-1");
  await loseSession(client);
  await assert.rejects(podium.request("GET", "/progress"), { code: "NotAuthorizedException" });
  assert.equal(podium.user, null);
  await assert.rejects(podium.playAsGuest(), { code: "guest_upgraded", message: /e-mail address/ });
  assert.equal(server.users.size, 1);
  const { username } = await podium.playAsGuest({ asNew: true });
  assert.notEqual(username, guest.username);
  assert.equal(stored(storage).username, username);
});

test("an upgraded player who signs out makes room for a new guest", async () => {
  const { podium, guest } = await makeUpgraded();
  await podium.signOut();
  assert.notEqual((await podium.playAsGuest()).username, guest.username);
});

test("an upgraded player who is deleted leaves nothing in the storage", async () => {
  const { podium, server, storage } = await makeUpgraded();
  server.api = () => [204, null];
  await podium.deleteAccount();
  assert.equal(storage.items.size, 0);
});

test("a new guest who is refused costs no other guest", async () => {
  const { podium, server, storage } = await makeGuest();
  const before = stored(storage);
  server.guests = "guests_busy";
  await assert.rejects(podium.playAsGuest({ asNew: true }), { code: "guests_busy" });
  assert.deepEqual(stored(storage), before);
});

for (const locks of ["with", "without"]) {
  test(`an upgrade in one tab is followed by the other, ${locks} Web Locks`, async () => {
    const browser = new FakeBrowser();
    const server = new FakeServer();
    const environment = locks === "with" ? {} : { locks: null };
    const one = await makeClient({ server, ...browser.tab(), ...environment });
    const two = await makeClient({ server, ...browser.tab(), ...environment });
    await one.podium.playAsGuest();
    await one.podium.addEmail(ADDRESS);
    await two.podium.confirmEmail("123456");
    assert.equal(one.podium.isGuest, false);
    await one.podium.setPassword("Secret-word-1");
    await two.podium.signOut();
    assert.equal(one.podium.user, null);
    assert.deepEqual(browser.storage.items.size, 0);
  });
}

test("an address that is confirmed for a player who has left changes no other player's session", async () => {
  const { podium, server, storage } = await makeGuest();
  server.users.set("bob", { password: "secret", confirmed: true });
  await podium.addEmail(ADDRESS);
  let release;
  server.held.set("VerifyUserAttribute", new Promise((resolve) => (release = resolve)));
  const confirmed = podium.confirmEmail("123456");
  await new Promise(setImmediate);
  await podium.signIn("bob", "secret");
  release();
  await confirmed;
  assert.equal(podium.user.username, "bob");
  assert.equal(stored(storage, SESSION).user.username, "bob");
  assert.equal(stored(storage).upgraded, true);
});

for (const [name, call] of Object.entries({
  addEmail: (podium) => podium.addEmail(ADDRESS),
  confirmEmail: (podium) => podium.confirmEmail("123456"),
  setPassword: (podium) => podium.setPassword("Secret-word-1"),
  changePassword: (podium) => podium.changePassword("secret", "Secret-word-1"),
})) {
  test(`${name} needs a player`, async () => {
    const { podium } = await makeClient();
    await assert.rejects(call(podium), { code: "SignedOut" });
  });
}

test("codes are sent again by name", async () => {
  const { podium, server } = await makeClient();
  assert.deepEqual(await podium.resendCode("ada"), { destination: "a***@e***" });
  assert.deepEqual(server.calls.at(-1).body, { ClientId: "client", Username: "ada" });
});

test("a guest is kept in memory where the storage refuses", async () => {
  const storage = new FakeStorage();
  storage.setItem = () => {
    throw new DOMException("refused", "QuotaExceededError");
  };
  const { podium, guest } = await makeUpgraded({ storage });
  await podium.setPassword("Secret-word-1");
  assert.deepEqual(podium.user, guest);
  await podium.signIn(ADDRESS, "Secret-word-1");
});

/** A client whose guest has played, and who is `ada` now, in the same browser. */
async function makeSecondPlayer() {
  const client = await makeGuest();
  client.server.users.set("ada", { password: "secret", confirmed: true });
  await client.podium.signIn("ada", "secret");
  client.server.calls.length = 0;
  return client;
}

const merges = ({ calls }) => calls.filter(({ url }) => url.endsWith("/account/merge")).map(({ body }) => body);

test("a player takes over the guest of this browser, and the guest is gone", async () => {
  const { podium, server, guest, storage } = await makeSecondPlayer();
  assert.equal(podium.otherGuest, guest.username);
  const answers = [{ state: "running" }, { state: "running" }, { state: "done" }];
  server.api = () => [200, answers.shift()];
  await podium.mergeGuest();
  const [{ token }, ...others] = merges(server);
  assert.equal(JSON.parse(Buffer.from(token.split(".")[1], "base64url")).sub, guest.id);
  assert.deepEqual(others, [{ token }, { token }]);
  assert.equal(podium.user.username, "ada");
  assert.equal(podium.otherGuest, null);
  assert.equal(storage.getItem(GUEST), null);
});

test("a merge whose answer was lost goes on with the same token, though the guest is gone from the pool", async () => {
  const { podium, server, guest } = await makeSecondPlayer();
  server.api = () => {
    throw new TypeError("fetch failed");
  };
  await assert.rejects(podium.mergeGuest(), { code: "NetworkError" });
  server.users.delete(guest.username);
  server.api = () => [200, { state: "done" }];
  await podium.mergeGuest();
  const [first, second] = merges(server);
  assert.deepEqual(first, second);
  assert.equal(podium.otherGuest, null);
});

test("a guest who is gone, and whose last token the server takes no more, is not offered again", async () => {
  const { podium, server, guest, storage } = await makeSecondPlayer();
  server.lost.add(undefined);
  await assert.rejects(podium.mergeGuest(), { code: "NetworkError" });
  server.lost.clear();
  server.api = () => [422, { title: "Unprocessable Content", status: 422, errors: [{ field: "body.token" }] }];
  await assert.rejects(podium.mergeGuest(), { status: 422 });
  assert.equal(podium.otherGuest, guest.username);
  server.users.delete(guest.username);
  await assert.rejects(podium.mergeGuest(), { code: "no_guest" });
  assert.equal(podium.otherGuest, null);
  assert.equal(storage.getItem(GUEST), null);
});

test("a guest is brought along by the player who asked for it, and by no other", async () => {
  const { podium, server, guest } = await makeSecondPlayer();
  server.users.set("bob", { password: "secret", confirmed: true });
  server.api = async () => {
    await podium.signIn("bob", "secret");
    return [202, { state: "running" }];
  };
  await assert.rejects(podium.mergeGuest(), { code: "SignedOut" });
  assert.equal(merges(server).length, 1);

  server.calls.length = 0;
  const { InitiateAuth } = FakeServer.prototype;
  server.InitiateAuth = (parameters) => {
    delete server.InitiateAuth;
    return podium.signIn("ada", "secret").then(() => InitiateAuth.call(server, parameters));
  };
  await assert.rejects(podium.mergeGuest(), { code: "SignedOut" });
  assert.deepEqual(merges(server), []);
  assert.equal(podium.otherGuest, guest.username);
});

test("a merge that is refused or goes on for long keeps the guest", async () => {
  const { podium, server, guest } = await makeSecondPlayer();
  server.api = () => [202, { state: "running" }];
  await assert.rejects(podium.mergeGuest(), { code: "merge_running" });
  server.api = () => [403, { title: "Forbidden", status: 403, code: "banned" }];
  await assert.rejects(podium.mergeGuest(), { status: 403, code: "banned" });
  assert.equal(podium.otherGuest, guest.username);
});

test("without another guest there is none to take over", async () => {
  const { podium, server } = await makeGuest();
  assert.equal(podium.otherGuest, null);
  await assert.rejects(podium.mergeGuest(), { code: "no_guest" });
  const other = await makePlayer();
  assert.equal(other.podium.otherGuest, null);
  await assert.rejects(other.podium.mergeGuest(), { code: "no_guest" });
  await podium.signOut();
  await assert.rejects(podium.mergeGuest(), { code: "SignedOut" });
  assert.deepEqual(merges(server), []);
});

test("a guest whom the pool has forgotten cannot be taken over", async () => {
  const { podium, server, guest, storage } = await makeSecondPlayer();
  server.users.delete(guest.username);
  await assert.rejects(podium.mergeGuest(), { code: "no_guest" });
  assert.equal(storage.getItem(GUEST), null);
});

test("an address that is confirmed for a player who has left makes no player of the guest who came", async () => {
  const { podium, server, storage } = await makePlayer();
  await podium.addEmail(ADDRESS);
  let release;
  server.held.set("VerifyUserAttribute", new Promise((resolve) => (release = resolve)));
  const confirmed = podium.confirmEmail("123456");
  await new Promise(setImmediate);
  await podium.playAsGuest();
  release();
  await confirmed;
  assert.equal(podium.isGuest, true);
  assert.equal(stored(storage).upgraded, undefined);
});
