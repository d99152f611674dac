import assert from "node:assert/strict";
import { test } from "node:test";

import { STEPS } from "../../../clients/web/demo/accountSteps.js";
import { faultWords } from "../../../clients/web/demo/accountWords.js";
import { PodiumError } from "../../../clients/web/podium/error.js";

const refusal = (code, message = "Raw words") => new PodiumError(message, { code });

/** A context whose client answers, or refuses, as told. */
function contextOf(calls, config = {}) {
  const podium = { config, otherGuest: null, isGuest: true, user: { id: "1", username: "guest-one" }, ...calls };
  return { podium, memory: {} };
}

const refuse = (code) => async () => {
  throw refusal(code);
};

test("no raw words of Cognito reach a player, whatever the code and the step", () => {
  for (const step of ["any", ...Object.keys(STEPS)]) {
    for (const code of ["NotAuthorizedException", "InternalErrorException", "InvalidParameterException", "AThingException"]) {
      assert.doesNotMatch(faultWords(refusal(code), step), /Raw words|Exception/);
    }
  }
});

test("a refusal is worded for the step in which it came", () => {
  assert.match(faultWords(refusal("NotAuthorizedException"), "signIn"), /name and password/);
  assert.match(faultWords(refusal("NotAuthorizedException"), "changePassword"), /password you have now/);
  assert.match(faultWords(refusal("NotAuthorizedException", "Password attempts exceeded"), "signIn"), /Too many tries/);
  assert.match(faultWords(refusal("google_refused", "The player said no")), /The player said no/);
});

test("each link of a step, and each step that follows, is a step", () => {
  for (const { links } of Object.values(STEPS)) {
    for (const [to] of links) assert.ok(STEPS[to], to);
  }
});

test("an address that is taken leads to the sign-in with it", async () => {
  const context = contextOf({ addEmail: async () => {}, confirmEmail: refuse("email_taken") });
  assert.equal(await STEPS.addEmail.act(context, { address: " a@b.c " }), "emailCode");
  assert.equal(await STEPS.emailCode.act(context, { code: "1" }), "taken");
  assert.equal(await STEPS.taken.act(context, {}), "signIn");
  assert.equal(context.memory.username, "a@b.c");
});

test("a guest chooses a password after the address, a player with one does not", async () => {
  const confirmEmail = async () => {};
  assert.equal(await STEPS.emailCode.act(contextOf({ confirmEmail }), { code: "1" }), "setPassword");
  assert.equal(await STEPS.emailCode.act(contextOf({ confirmEmail, isGuest: false }), { code: "1" }), null);
});

test("a guest's password that is lost is replaced by a code", async () => {
  const asked = [];
  const forgotPassword = async (name) => asked.push(name);
  const context = contextOf({ setPassword: refuse("guest_password_lost"), forgotPassword });
  context.memory.username = "guest-one";
  assert.equal(await STEPS.setPassword.act(context, { newPassword: "x" }), "reset");
  assert.deepEqual(asked, ["guest-one"]);
});

test("a sign-in offers the guest of this window, and asks for a code where the account waits for one", async () => {
  const values = { username: "ada", password: "x" };
  const signIn = async () => {};
  assert.equal(await STEPS.signIn.act(contextOf({ signIn }), values), null);
  assert.equal(await STEPS.signIn.act(contextOf({ signIn, otherGuest: "guest-two" }), values), "merge");
  assert.equal(await STEPS.signIn.act(contextOf({ signIn: refuse("UserNotConfirmedException") }), values), "confirm");
});

test("only a game on one computer says that any code will do", () => {
  assert.match(STEPS.emailCode.hint(contextOf({}, { cognitoEndpoint: "http://127.0.0.1:1" })), /any code will do/);
  assert.doesNotMatch(STEPS.emailCode.hint(contextOf({})), /any code/);
});
