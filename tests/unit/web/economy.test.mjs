import assert from "node:assert/strict";
import { test } from "node:test";

import {
  afterRound,
  levelSpan,
  pickups,
  shopOffer,
  taskOffer,
  unlockOffer,
  utcDay,
} from "../../../clients/web/demo/economy.js";
import { plainWords } from "../../../clients/web/demo/format.js";

const NEW = { level: 1, xp: 0, checkpoint: null, version: 0, unlocked: [], tasks: {}, money: 0, inventory: {}, bests: {} };
const TODAY = "2026-11-22";

const UNLOCKS = [
  { id: "lantern-path", title: "The Lantern Path", level: 2, price: 50, requires: [] },
  { id: "oasis", title: "The Oasis", level: 3, price: 150, requires: ["lantern-path"] },
];
const CATALOGUE = {
  areas: [{ id: "forest" }, { id: "sprint" }],
  levels: { xp: [0, 100, 250] },
  unlocks: UNLOCKS,
};
const firstScore = { id: "first-score", title: "Score", requires: { score: true }, money: 50, xp: 100, repeat: "once" };
const dailyVisit = { id: "daily-visit", title: "Come back", money: 25, xp: 40, repeat: "daily" };

for (const [what, task, progress, state, reason] of [
  ["the first score waits for a score", firstScore, {}, "blocked", "Play a round first."],
  ["… and is ready with one", firstScore, { bests: { forest: 0 } }, "ready", ""],
  ["… once", firstScore, { bests: { forest: 0 }, tasks: { "first-score": "2020-01-01" } }, "done", ""],
  ["a board waits for a score on it", { ...dailyVisit, requires: { area: "sprint" } }, { bests: { forest: 1 } }, "blocked", "Play a round of sprint first."],
  ["… but not on a sum, of which the page knows nothing", { ...dailyVisit, requires: { area: "global" } }, {}, "ready", ""],
  ["a level is waited for", { ...dailyVisit, requires: { level: 2 } }, {}, "blocked", "Reach level 2 first."],
  ["an unlock is waited for", { ...dailyVisit, requires: { unlock: "oasis" } }, {}, "blocked", "Unlock The Oasis first."],
  ["an item is waited for", { ...dailyVisit, requires: { item: "torch" } }, { inventory: { torch: 0 } }, "blocked", "Buy torch first."],
  ["all that is required is there", { ...dailyVisit, requires: { level: 2, item: "torch" } }, { level: 2, inventory: { torch: 1 } }, "ready", ""],
  ["a daily task is ready", dailyVisit, {}, "ready", ""],
  ["… done for the day", dailyVisit, { tasks: { "daily-visit": TODAY } }, "done", "Again tomorrow (UTC)."],
  ["… and ready though a clock was ahead once", dailyVisit, { tasks: { "daily-visit": "2099-01-01" } }, "ready", ""],
  ["… and ready on the next", dailyVisit, { tasks: { "daily-visit": "2026-11-21" } }, "ready", ""],
]) {
  test(`task: ${what}`, () => {
    const offer = taskOffer(task, { ...NEW, ...progress }, TODAY, CATALOGUE);
    assert.deepEqual([offer.state, offer.reason], [state, reason]);
  });
}

const [path, oasis] = UNLOCKS;

for (const [what, unlock, progress, state, reason] of [
  ["needs its level", path, { money: 999 }, "blocked", "Reach level 2 first."],
  ["needs its price", path, { level: 2, money: 49 }, "blocked", "1 coin short."],
  ["is ready with both", path, { level: 2, money: 50 }, "ready", ""],
  ["stays open", path, { unlocked: ["lantern-path"] }, "done", ""],
  ["needs what comes before", oasis, { level: 9, money: 999 }, "blocked", "Unlock The Lantern Path first."],
]) {
  test(`unlock: ${what}`, () => {
    const offer = unlockOffer(unlock, { ...NEW, ...progress }, CATALOGUE);
    assert.deepEqual([offer.state, offer.reason], [state, reason]);
  });
}

const torch = { itemId: "torch", title: "Torch", price: 10, unique: false, requires: null };
const camel = { itemId: "camel", title: "Camel", price: 300, unique: true, requires: "oasis" };

for (const [what, item, progress, state, reason, owned] of [
  ["too dear", torch, { money: 3 }, "blocked", "7 coins short.", 0],
  ["one more of a stack", torch, { money: 10, inventory: { torch: 4 } }, "ready", "", 4],
  ["behind an unlock", camel, { money: 300 }, "blocked", "Unlock The Oasis first.", 0],
  ["behind an unlock that is open", camel, { money: 300, unlocked: ["oasis"] }, "ready", "", 0],
  ["unique and owned", camel, { money: 300, inventory: { camel: 1 } }, "done", "", 1],
  ["behind an unlock that the page does not know", { ...camel, requires: "moon" }, {}, "blocked", "Unlock moon first.", 0],
]) {
  test(`shop: ${what}`, () => {
    const offer = shopOffer(item, { ...NEW, ...progress }, CATALOGUE);
    assert.deepEqual([offer.state, offer.reason, offer.owned], [state, reason, owned]);
  });
}

test("the bar goes from level to level, and is full on the last", () => {
  assert.deepEqual(levelSpan(CATALOGUE, { level: 1, xp: 25 }), { to: 100, share: 0.25 });
  assert.deepEqual(levelSpan(CATALOGUE, { level: 2, xp: 175 }), { to: 250, share: 0.5 });
  assert.deepEqual(levelSpan(CATALOGUE, { level: 1, xp: 180 }), { to: 100, share: 1 });
  assert.deepEqual(levelSpan(CATALOGUE, { level: CATALOGUE.levels.xp.length, xp: 9000 }), { to: null, share: 1 });
});

test("a round adds xp and perhaps a level, and keeps what else the checkpoint holds", () => {
  assert.deepEqual(afterRound(CATALOGUE, { ...NEW, version: 4 }, "forest"), {
    level: 1,
    xp: 30,
    checkpoint: { rounds: 1, area: "forest" },
    version: 4,
  });
  const played = { ...NEW, xp: 80, checkpoint: { rounds: 2, area: "forest", lamp: true } };
  const { level, checkpoint } = afterRound(CATALOGUE, played, "sprint");
  assert.deepEqual([level, checkpoint], [2, { rounds: 3, area: "sprint", lamp: true }]);
  assert.equal(afterRound(CATALOGUE, { ...NEW, level: 3 }, "sprint").level, 3);
});

for (const checkpoint of [null, 7, "cave", ["cave"], { rounds: "many" }]) {
  test(`a round follows a checkpoint of another game: ${JSON.stringify(checkpoint)}`, () => {
    assert.deepEqual(Object.keys(afterRound(CATALOGUE, { ...NEW, checkpoint }, "forest").checkpoint).sort(), ["area", "rounds"]);
    assert.equal(afterRound(CATALOGUE, { ...NEW, checkpoint }, "forest").checkpoint.rounds, 1);
  });
}

test("what there is to pick up is whole and positive", () => {
  for (const random of [0, 0.5, 0.999999]) {
    const amounts = pickups(() => random);
    assert.ok(amounts.length > 0);
    for (const amount of amounts) assert.ok(Number.isInteger(amount) && amount > 0);
  }
});

test("a day is UTC's", () => {
  assert.equal(utcDay(Date.UTC(2026, 10, 22, 23, 59, 59, 999)), TODAY);
  assert.equal(utcDay(Date.UTC(2026, 10, 23)), "2026-11-23");
});

for (const [error, words] of [
  [{ status: 402, detail: "itemId: costs 10, and there is only 5" }, "Not enough money: costs 10, and there is only 5."],
  [{ status: 409, detail: "id: oasis requires lantern-path" }, "Oasis requires lantern-path."],
  [
    {
      status: 422,
      detail: "body.name: a name has 1 to 24 characters, not 25",
      errors: [{ field: "body.name", detail: "a name has 1 to 24 characters, not 25" }],
    },
    "A name has 1 to 24 characters, not 25.",
  ],
  [{ code: "too_small", message: "The picture is too small.", errors: [] }, "The picture is too small."],
  [{ code: "NetworkError", message: "x cannot be reached.", errors: [] }, "The server cannot be reached. Try again."],
]) {
  test(`a refusal in plain words: ${words}`, () => assert.equal(plainWords(error), words));
}
