import assert from "node:assert/strict";
import { test } from "node:test";

import { PlayerState } from "../../../clients/web/demo/playerState.js";
import { saveRound } from "../../../clients/web/demo/rewards.js";
import { settle } from "./harness.mjs";

const PROGRESS = { level: 1, xp: 0, checkpoint: null, version: 0, money: 0, bests: {} };

/** A client whose answers the test holds back: `answers` has the callbacks of the calls that wait. */
class FakePodium {
  user = { id: "ada" };
  answers = [];
  calls = [];
  profile = () => this.#call("profile");
  progress = () => this.#call("progress");
  shop = () => this.#call("shop");
  buy = (id, quantity, once) => this.#call(`buy ${id}`, once);
  saveProgress = (save) => this.#call("save", save);

  #call(name, about) {
    this.calls.push(name);
    return new Promise((resolve, reject) => this.answers.push({ name, about, resolve, reject }));
  }

  /** Answers the oldest call that waits, which must be this one. */
  async answer(name, value) {
    const call = this.answers.shift();
    assert.equal(call?.name, name);
    if (value instanceof Error) call.reject(value);
    else call.resolve(value);
    await settle();
    return call.about;
  }
}

const refusal = (status) => Object.assign(new Error("no"), { status });

async function makeLoaded() {
  const podium = new FakePodium();
  const state = new PlayerState(podium);
  const loaded = state.load();
  await settle();
  await podium.answer("profile", { name: "Ada" });
  await podium.answer("progress", PROGRESS);
  await podium.answer("shop", { items: [{ itemId: "torch" }] });
  await loaded;
  return { podium, state };
}

test("loads all of a player, and tells of it", async () => {
  const podium = new FakePodium();
  const state = new PlayerState(podium);
  let told = 0;
  state.onChange(() => told++);
  state.load();
  await settle();
  const before = told;
  await podium.answer("profile", { name: "Ada" });
  await podium.answer("progress", PROGRESS);
  await podium.answer("shop", { items: [{ itemId: "torch" }] });
  assert.equal(told, before + 1);
  assert.deepEqual([state.profile, state.progress, state.shop], [{ name: "Ada" }, PROGRESS, [{ itemId: "torch" }]]);
});

test("actions run one after the other, and each takes over what the server answers", async () => {
  const { podium, state } = await makeLoaded();
  const [first, second] = ["torch", "compass"].map((id) => state.change("progress", () => podium.buy(id)));
  await settle();
  assert.deepEqual(podium.answers.map(({ name }) => name), ["buy torch"]);
  await podium.answer("buy torch", { ...PROGRESS, money: 5 });
  assert.equal((await first).money, 5);
  await podium.answer("buy compass", { ...PROGRESS, money: 3 });
  assert.equal((await second).money, 3);
  assert.equal(state.progress.money, 3);
});

test("after a refusal the progress is read again, and the refusal is the caller's", async () => {
  const { podium, state } = await makeLoaded();
  const refused = assert.rejects(state.change("progress", () => podium.buy("torch")), { status: 402 });
  await settle();
  await podium.answer("buy torch", refusal(402));
  await podium.answer("progress", { ...PROGRESS, money: 1 });
  await refused;
  assert.equal(state.progress.money, 1);
});

test("a refusal does not stop what follows it, even when the reading fails too", async () => {
  const { podium, state } = await makeLoaded();
  const refused = assert.rejects(state.change("progress", () => podium.buy("torch")), { status: 503 });
  const next = state.change("progress", () => podium.buy("compass"));
  await settle();
  await podium.answer("buy torch", refusal(503));
  await podium.answer("progress", refusal(503));
  await refused;
  await podium.answer("buy compass", { ...PROGRESS, money: 8 });
  assert.equal((await next).money, 8);
});

test("an answer for a player who has left is not shown to the next", async () => {
  const { podium, state } = await makeLoaded();
  const bought = state.change("progress", () => podium.buy("torch"));
  await settle();
  podium.user = null;
  await state.load();
  assert.deepEqual([state.profile, state.progress], [null, null]);
  await podium.answer("buy torch", { ...PROGRESS, money: 5 });
  await bought;
  assert.equal(state.progress, null);
});

test("an action whose turn comes after its player has left is not the next one's", async () => {
  const { podium, state } = await makeLoaded();
  const [first, second] = ["torch", "compass"].map((id) => state.change("progress", () => podium.buy(id)));
  const refused = assert.rejects(second, { code: "SignedOut" });
  await settle();
  podium.user = { id: "grace" };
  state.load();
  await podium.answer("buy torch", PROGRESS);
  await first;
  await refused;
  assert.deepEqual(podium.answers.map(({ name }) => name), ["profile", "progress", "shop"]);
});

const lost = (idempotencyKey) => Object.assign(new Error("no answer"), { code: "NetworkError", idempotencyKey });
const buyTorch = ({ podium, state }) => state.act("buy torch", (once) => podium.buy("torch", 1, once));

test("a second tap after a lost answer has the first one's key, and shows the progress of now", async () => {
  const { podium, state } = await makeLoaded();
  const first = assert.rejects(buyTorch({ podium, state }), { idempotencyKey: "k1" });
  await settle();
  assert.equal((await podium.answer("buy torch", lost("k1"))).key, undefined);
  await podium.answer("progress", PROGRESS);
  await first;
  const second = buyTorch({ podium, state });
  await settle();
  assert.equal((await podium.answer("buy torch", { ...PROGRESS, money: 5 })).key, "k1");
  await podium.answer("progress", { ...PROGRESS, money: 7 });
  await second;
  assert.equal(state.progress.money, 7);
  buyTorch({ podium, state });
  await settle();
  assert.equal((await podium.answer("buy torch", PROGRESS)).key, undefined); // answered: the third tap is a new one
});

test("an answer to a key counts, though the progress cannot be read after it", async () => {
  const { podium, state } = await makeLoaded();
  buyTorch({ podium, state }).catch(() => {});
  await settle();
  await podium.answer("buy torch", lost("k1"));
  await podium.answer("progress", refusal(503));
  const second = buyTorch({ podium, state });
  await settle();
  await podium.answer("buy torch", { ...PROGRESS, money: 5 });
  await podium.answer("progress", refusal(503));
  assert.equal((await second).money, 5);
});

test("a refusal spends the key, and another action never has it", async () => {
  const { podium, state } = await makeLoaded();
  const torch = () => buyTorch({ podium, state }).catch(() => {});
  torch();
  await settle();
  await podium.answer("buy torch", lost("k1"));
  await podium.answer("progress", PROGRESS);
  state.act("buy compass", (once) => podium.buy("compass", 1, once));
  await settle();
  assert.equal((await podium.answer("buy compass", PROGRESS)).key, undefined);
  torch();
  await settle();
  assert.equal((await podium.answer("buy torch", refusal(402))).key, "k1");
  await podium.answer("progress", PROGRESS);
  torch();
  await settle();
  assert.equal((await podium.answer("buy torch", refusal(402))).key, undefined);
});

test("an action before the progress is loaded reads it first", async () => {
  const podium = new FakePodium();
  const state = new PlayerState(podium);
  state.load().catch(() => {});
  await settle();
  await podium.answer("profile", refusal(503));
  podium.answers.length = 0;
  const seen = state.change("progress", async (progress) => progress);
  await settle();
  await podium.answer("progress", PROGRESS);
  assert.deepEqual(await seen, PROGRESS);
});

test("a score is known before the server is asked again", async () => {
  const { state } = await makeLoaded();
  state.scored("forest", 7);
  assert.deepEqual(state.progress.bests, { forest: 7 });
});

test("an action leaves the bests, of which its answer says nothing", async () => {
  const { podium, state } = await makeLoaded();
  const bought = state.change("progress", () => podium.buy("torch"));
  await settle();
  state.scored("forest", 7);
  await podium.answer("buy torch", { money: 5 });
  await bought;
  assert.deepEqual(state.progress, { ...PROGRESS, money: 5, bests: { forest: 7 } });
});

test("a round that another device's save overtook is saved on top of that", async () => {
  const { podium, state } = await makeLoaded();
  const saved = saveRound(podium, state, { levels: { xp: [0, 100] } }, "forest");
  await settle();
  assert.equal((await podium.answer("save", refusal(409))).version, 0);
  await podium.answer("progress", { ...PROGRESS, xp: 90, version: 6 });
  const save = await podium.answer("save", PROGRESS);
  assert.deepEqual([save.xp, save.version, save.level], [120, 6, 2]);
  await saved;
});

test("a round whose save is refused for another reason is not saved again", async () => {
  const { podium, state } = await makeLoaded();
  const refused = assert.rejects(saveRound(podium, state, { levels: { xp: [0, 100] } }, "forest"), { status: 422 });
  await settle();
  await podium.answer("save", refusal(422));
  await podium.answer("progress", PROGRESS);
  await refused;
  assert.deepEqual(podium.answers, []);
});
