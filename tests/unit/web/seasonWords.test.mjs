import assert from "node:assert/strict";
import { test } from "node:test";

import { formatLeft, formatMoment, prizeWords, rewardOffer, spanOf, tierWords, warning } from "../../../clients/web/demo/seasonWords.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const CATALOGUE = {
  boards: [{ id: "forest-week", title: "Forest, this week" }],
  shop: [{ id: "camel", title: "Camel" }],
};

for (const [left, words] of [
  [6 * DAY + 5 * HOUR + 59 * MINUTE, "6 d 5 h"],
  [DAY, "1 d 0 h"],
  [DAY - 1, "1 d 0 h"],
  [DAY - 1000, "23 h 59 min"],
  [HOUR + 5 * MINUTE, "1 h 05 min"],
  [HOUR - 1000, "59:59"],
  [10_000, "0:10"],
  [9001, "0:10"],
  [1, "0:01"],
  [0, "0:00"],
  [-5, "0:00"],
]) {
  test(`what is left of ${left} ms is ${words}`, () => assert.equal(formatLeft(left), words));
}

test("a long season is warned of twice, and a short one never", () => {
  const spoken = (length) => {
    const words = [];
    for (let left = length; left > -3000; left -= 1000) {
      const said = warning(left + 1000, left, length);
      if (said) words.push([left, said]);
    }
    return words;
  };
  assert.deepEqual(spoken(DAY), [
    [10 * MINUTE, "10 minutes left in this season."],
    [MINUTE, "One minute left in this season."],
  ]);
  assert.deepEqual(spoken(10 * MINUTE), [[MINUTE, "One minute left in this season."]]);
  assert.deepEqual(spoken(15_000), []);
});

test("a window that wakes up late is warned once, and not of what is over", () => {
  assert.equal(warning(DAY, 30_000, 7 * DAY), "One minute left in this season.");
  assert.equal(warning(DAY, -1, 7 * DAY), null);
  assert.equal(warning(Infinity, 5 * MINUTE, 7 * DAY), "10 minutes left in this season.");
});

test("a past season is told by its days, or by the time it began", () => {
  const startsAt = Date.UTC(2026, 10, 16);
  assert.equal(spanOf({ startsAt, endsAt: startsAt + 7 * DAY }, "UTC"), "16 Nov – 22 Nov");
  assert.equal(spanOf({ startsAt, endsAt: startsAt + 15_000 }, "UTC"), "16 Nov, 00:00:00");
  assert.equal(spanOf({ startsAt: 0, endsAt: startsAt }, "UTC"), "until 16 Nov");
  assert.match(formatMoment(startsAt, "UTC"), /Mon,? 16 Nov,? 00:00/);
});

test("prizes and tiers are told in words", () => {
  assert.equal(prizeWords({ money: 500, items: { camel: 1 } }, CATALOGUE), "500 coins + Camel");
  assert.equal(prizeWords({ money: 1, items: {} }, CATALOGUE), "1 coin");
  assert.equal(prizeWords({ money: 0, items: { torch: 2000 } }, CATALOGUE), "2,000 × torch");
  const tiers = [
    { ranks: [1, 1], top: null, money: 500, items: { camel: 1 } },
    { ranks: [2, 3], top: null, money: 50, items: {} },
    { ranks: null, top: "10%", money: 20, items: {} },
  ];
  assert.equal(tierWords(tiers, CATALOGUE), "1st: 500 coins + Camel · 2nd to 3rd: 50 coins · top 10%: 20 coins");
  assert.equal(tierWords(undefined, CATALOGUE), "");
});

test("a reward is blocked in review, ready then, and done when it is claimed", () => {
  const reward = {
    ...{ gameArea: "forest-week", season: 11, rank: 2, of: 1200, prize: { money: 20, items: {} } },
    ...{ claimableAt: 10_000, expiresAt: DAY, claimed: false },
  };
  const offer = { id: "forest-week-11", title: "Forest, this week · season 11", note: "2nd of 1,200 · 20 coins" };
  const at = (now, more = {}) => rewardOffer({ ...reward, ...more }, now, CATALOGUE);
  assert.deepEqual(at(7000), { ...offer, state: "blocked", label: "Claim", reason: "In review: yours in 0:03." });
  assert.deepEqual(at(10_000), { ...offer, state: "ready", label: "Claim", reason: "" });
  assert.deepEqual(at(7000, { claimed: true }), { ...offer, state: "done", label: "Claimed", reason: "" });
  assert.match(at(0, { claimableAt: DAY }).reason, /^In review: yours on /);
});
