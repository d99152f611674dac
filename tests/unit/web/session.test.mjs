import assert from "node:assert/strict";
import { test } from "node:test";

import { Podium } from "../../../clients/web/podium.js";
import { CONFIG, FakeServer, FakeStorage, makeClient, makePlayer, makeResponse, settle } from "./harness.mjs";

const HOUR_MS = 3_600_000;

const refreshes = ({ calls }) => calls.filter(({ body }) => body?.AuthFlow === "REFRESH_TOKEN_AUTH").length;

test("speaks Cognito's JSON protocol to the Region's endpoint, or to the one that is configured", async () => {
  const { podium, server } = await makeClient();
  assert.deepEqual(await podium.signUp("ada", "secret", "ada@example.org"), { confirmed: true });
  const [{ url, method, headers, body }] = server.calls;
  assert.equal(url, "https://cognito-idp.eu-central-1.amazonaws.com/");
  assert.equal(method, "POST");
  assert.deepEqual(headers, {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "AWSCognitoIdentityProviderService.SignUp",
  });
  assert.deepEqual(body, {
    ClientId: "client",
    Username: "ada",
    Password: "secret",
    UserAttributes: [{ Name: "email", Value: "ada@example.org" }],
  });

  const local = await makeClient({ config: { cognitoEndpoint: "http://127.0.0.1:4566" } });
  await local.podium.signUp("ada", "secret");
  assert.equal(local.server.calls[0].url, "http://127.0.0.1:4566");
});

test("signing in gives the player by id and name, and says so once", async () => {
  const { podium, events } = await makePlayer();
  assert.deepEqual(podium.user, { id: "id-ada", username: "ada" });
  assert.deepEqual(events, [["user", { id: "id-ada", username: "ada" }]]);
});

test("names beyond ASCII survive the token", async () => {
  const { podium, server } = await makeClient();
  server.users.set("Ayşe-Ωπ", { password: "secret", confirmed: true });
  assert.equal((await podium.signIn("Ayşe-Ωπ", "secret")).username, "Ayşe-Ωπ");
});

test("Cognito's refusals keep their name and message", async () => {
  const { podium, server } = await makePlayer();
  const wrong = { name: "PodiumError", code: "NotAuthorizedException", status: 400 };
  await assert.rejects(podium.signIn("ada", "wrong"), { ...wrong, message: "Incorrect username or password." });
  server.refuse.set("SignUp", "InvalidPasswordException");
  await assert.rejects(podium.signUp("bo", "1"), { code: "InvalidPasswordException" }); // its namespace cut off
});

test("a sign-in that wants a further step says which", async () => {
  const { podium, server } = await makeClient();
  server.InitiateAuth = () => [200, { ChallengeName: "SOFTWARE_TOKEN_MFA", Session: "…" }];
  await assert.rejects(podium.signIn("ada", "secret"), { code: "SOFTWARE_TOKEN_MFA" });
  assert.equal(podium.user, null);
});

test("an unconfirmed player signs in after confirming", async () => {
  const { podium, server } = await makeClient();
  server.confirmsAtOnce = false;
  assert.deepEqual(await podium.signUp("ada", "secret"), { confirmed: false });
  await assert.rejects(podium.signIn("ada", "secret"), { code: "UserNotConfirmedException" });
  await podium.confirmSignUp("ada", "123456");
  assert.equal((await podium.signIn("ada", "secret")).username, "ada");
});

test("a player whose confirmation was never answered confirms again", async () => {
  const { podium, server } = await makeClient();
  server.confirmsAtOnce = false;
  await podium.signUp("ada", "secret");
  server.lost.add("ConfirmSignUp");
  await assert.rejects(podium.confirmSignUp("ada", "123456"), { code: "NetworkError" });
  server.lost.clear();
  await podium.confirmSignUp("ada", "123456");
  server.refuse.set("ConfirmSignUp", "NotAuthorizedException");
  await assert.rejects(podium.confirmSignUp("ada", "123456"), { code: "NotAuthorizedException" });
});

test("the session is there again after a reload", async () => {
  const { storage, server } = await makePlayer();
  const { podium } = await makeClient({ storage, server });
  assert.deepEqual(podium.user, { id: "id-ada", username: "ada" });
  const elsewhere = await makeClient({ storage, server, config: { userPoolClientId: "other" } });
  assert.equal(elsewhere.podium.user, null);
});

test("a guest gets a random name and a password that strict policies take", async () => {
  const { podium, server } = await makeClient();
  const { username } = await podium.playAsGuest();
  assert.match(username, /^guest-[a-z]+-[a-z0-9]{8}$/);
  assert.ok(username.length <= 24);
  const { password } = server.users.get(username);
  for (const kind of [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9]/, /.{20}/]) assert.match(password, kind);
});

test("the same guest comes back with the same storage, after a sign-out too", async () => {
  const { podium, storage, server } = await makeClient();
  const guest = await podium.playAsGuest();
  await podium.signOut();
  assert.equal(podium.user, null);
  assert.deepEqual(await podium.playAsGuest(), guest);
  const again = await makeClient({ storage, server });
  assert.deepEqual(await again.podium.playAsGuest(), guest);
  const other = await makeClient({ server });
  assert.notEqual((await other.podium.playAsGuest()).id, guest.id);
});

test("a guest that the pool has forgotten becomes a new one", async () => {
  const { podium, server } = await makeClient();
  const { username } = await podium.playAsGuest();
  server.users.clear();
  assert.notEqual((await podium.playAsGuest()).username, username);
});

test("a guest is signed up and in, with the same requests on a laptop and on AWS", async () => {
  for (const config of [{}, { cognitoEndpoint: "http://127.0.0.1:4566" }]) {
    const { podium, server } = await makeClient({ config });
    server.confirmsAtOnce = false;
    await podium.playAsGuest();
    assert.deepEqual(server.operations(), ["SignUp", "InitiateAuth"]);
    assert.equal(podium.isGuest, true);
  }
});

test("a token is renewed in its last minute, once for all who ask, and the refresh token is kept", async () => {
  const { podium, server, clock } = await makePlayer();
  await clock.advance(HOUR_MS - 60_000);
  await podium.request("GET", "/progress");
  assert.equal(refreshes(server), 0);
  await clock.advance(1);
  await Promise.all([podium.request("GET", "/progress"), podium.request("GET", "/shop")]);
  assert.equal(refreshes(server), 1);
  await clock.advance(HOUR_MS);
  await podium.request("GET", "/progress");
  assert.equal(refreshes(server), 2);
});

test("a session that can be renewed no longer ends, and says so", async () => {
  const { podium, server, clock, events, storage } = await makePlayer();
  server.users.clear();
  await clock.advance(HOUR_MS);
  await assert.rejects(podium.request("GET", "/progress"), { code: "NotAuthorizedException" });
  assert.equal(podium.user, null);
  assert.deepEqual(events.at(-1), ["user", null]);
  assert.equal(storage.items.size, 0);
});

test("a guest whose session can be renewed no longer signs in again", async () => {
  const { podium, server, clock } = await makeClient();
  const guest = await podium.playAsGuest();
  const { InitiateAuth } = FakeServer.prototype;
  server.InitiateAuth = (parameters) =>
    parameters.AuthFlow === "REFRESH_TOKEN_AUTH"
      ? [400, { __type: "NotAuthorizedException", message: "Refresh Token has expired" }]
      : InitiateAuth.call(server, parameters);
  await clock.advance(HOUR_MS);
  await podium.request("GET", "/progress");
  assert.deepEqual(podium.user, guest);
});

test("a player who signs out during a renewal stays signed out", async () => {
  const { podium, clock } = await makePlayer();
  await clock.advance(HOUR_MS);
  const request = podium.request("GET", "/progress");
  await podium.signOut();
  await assert.rejects(request, { code: "SignedOut" });
  assert.equal(podium.user, null);
});

test("a guest who signs out during a renewal that is refused stays signed out", async () => {
  const { podium, server, clock } = await makeClient();
  await podium.playAsGuest();
  await clock.advance(HOUR_MS);
  server.refuse.set("InitiateAuth", "NotAuthorizedException");
  const request = podium.request("GET", "/progress");
  await podium.signOut();
  server.refuse.clear();
  await assert.rejects(request, { code: "SignedOut" });
  assert.equal(podium.user, null);
});

test("signing out revokes the refresh token, and needs no server to do so here", async () => {
  const { podium, server } = await makePlayer();
  server.refuse.set("RevokeToken", "InternalErrorException");
  await podium.signOut();
  assert.deepEqual(server.calls.at(-1).body, { ClientId: "client", Token: "refresh-ada" });
  assert.equal(podium.user, null);
});

const DELETED = [410, { title: "Gone", status: 410, detail: "this player was deleted, for good", code: "deleted" }];

test("deleting the account is one request, and forgets the guest", async () => {
  const { podium, server, storage, events } = await makeClient();
  await podium.playAsGuest();
  server.calls.length = 0;
  server.api = () => [204, null];
  await podium.deleteAccount();
  assert.deepEqual(
    server.calls.map(({ method, url }) => [method, url]),
    [["DELETE", "http://podium.test/profile"]],
  );
  assert.equal(podium.user, null);
  assert.deepEqual(events.at(-1), ["user", null]);
  assert.equal(storage.items.size, 0);
});

test("a player who was deleted elsewhere is signed out by the next answer, and no token is renewed", async () => {
  const { podium, server, storage, events } = await makePlayer();
  server.api = () => DELETED;
  await assert.rejects(podium.submitScore("forest", 5), { status: 410, code: "deleted" });
  assert.equal(podium.user, null);
  assert.deepEqual(events.at(-1), ["user", null]);
  assert.equal(storage.items.size, 0);
  assert.deepEqual(server.operations(), []);
});

test("an answer for a deleted player signs no other player out", async () => {
  const { podium, server, storage } = await makePlayer();
  server.users.set("bob", { password: "secret", confirmed: true });
  let answer;
  const fetch = server.fetch;
  server.api = () => DELETED;
  const held = new Promise((resolve) => (answer = resolve));
  const late = { fetch: async (...request) => (await held, fetch(...request)) };
  const { podium: other } = await makeClient({ server: late, storage });
  const asked = other.profile();
  await podium.signIn("bob", "secret");
  answer();
  await assert.rejects(asked, { code: "deleted" });
  assert.equal(other.user.username, "bob"); // who shares the storage shares the player
  assert.equal(podium.user.username, "bob");
  assert.match(storage.items.get("podium.client.session"), /bob/);
});

test("another 410 is not the end of a session", async () => {
  const { podium, server } = await makePlayer();
  server.api = () => [410, { title: "Gone", status: 410 }];
  await assert.rejects(podium.profile(), { status: 410, code: "HttpError" });
  assert.equal(podium.user.username, "ada");
});

test("an account whose data could not be deleted keeps its sign-in", async () => {
  const { podium, server, clock } = await makePlayer();
  server.api = () => [503, { title: "Service Unavailable", status: 503 }];
  const refused = assert.rejects(podium.deleteAccount(), { status: 503 });
  await settle();
  await clock.advance(1500);
  await refused;
  assert.equal(podium.user.username, "ada");
  assert.equal(server.users.size, 1);
});

test("connect asks the API for the rest of a stack's output, which has addresses only", async () => {
  const asked = [];
  const fetch = async (url) => {
    asked.push(String(url));
    return makeResponse(200, JSON.stringify(CONFIG));
  };
  const { boards, gameAreas, ...addresses } = CONFIG;
  const podium = await Podium.connect(addresses, { fetch, storage: new FakeStorage() });
  assert.deepEqual(asked, ["http://podium.test/client-config.json"]);
  assert.deepEqual(podium.config.boards, boards);
});

test("connect reads the configuration from its address", async () => {
  const fetch = async (url) => makeResponse(200, String(url).endsWith("/config") ? JSON.stringify(CONFIG) : "<html>");
  const storage = new FakeStorage();
  const podium = await Podium.connect("http://podium.test/config", { fetch, storage });
  assert.equal(podium.config.region, "eu-central-1");
  await assert.rejects(Podium.connect("http://podium.test/other", { fetch, storage }), { code: "HttpError" });
  const broken = async () => {
    throw new TypeError("fetch failed");
  };
  await assert.rejects(Podium.connect("http://podium.test/config", { fetch: broken, storage }), {
    code: "NetworkError",
    message: "podium.test cannot be reached.",
  });
});
