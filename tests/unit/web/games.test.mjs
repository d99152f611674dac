import assert from "node:assert/strict";
import { test } from "node:test";

import { BoardSearch } from "../../../clients/web/demo/boardSearch.js";
import { DIALS, Dial, ROUND_MS } from "../../../clients/web/demo/dialRules.js";
import { formatScore, formatTiebreak, ordinal, share } from "../../../clients/web/demo/format.js";
import { seededRandom } from "../../../clients/web/demo/seededRandom.js";
import { makesTheBoard, ScoreToScreen } from "../../../clients/web/demo/scoreToScreen.js";
import { PADS, PENALTY_MS, Sprint, TARGETS } from "../../../clients/web/demo/sprintRules.js";
import { tiebreakOf } from "../../../clients/web/demo/tiebreak.js";

const offset = (dial, time) => Math.abs(((((dial.needle(time) - dial.gate(time) + 180) % 360) + 360) % 360) - 180);

for (const [area, rules] of Object.entries(DIALS)) {
  test(`${area}: a strike in the gate wins and turns the needle, one beside it breaks the chain`, () => {
    const dial = new Dial(rules, () => 0.5);
    let time = 0;
    while (offset(dial, time) > 1) time += 1;
    const ahead = dial.needle(time + 10) > dial.needle(time);
    assert.ok(dial.strike(time) > 1900 * rules.share - 1);
    assert.equal(dial.chain, 1);
    assert.notEqual(dial.needle(time + 10) > dial.needle(time), ahead);
    const score = dial.score;
    assert.equal(dial.strike(time), 0);
    assert.equal(dial.chain, 0);
    assert.deepEqual(dial.run, { score, hits: 1, misses: 1 });
  });

  test(`${area}: a perfect player can score a lot and stays within the bounds`, () => {
    const dial = new Dial(rules, () => 0);
    for (let time = 0; time < ROUND_MS; time++) if (offset(dial, time) < 1) dial.strike(time);
    assert.ok(dial.score > 30_000 * rules.share && dial.score <= 1_000_000, `${dial.score}`);
  });
}

test("gauntlet: no player is so good that the pace of its rules refuses the run", () => {
  const PACE = 1000; // points per second, as in the catalogue that comes with Podium
  const dial = new Dial(DIALS.gauntlet, () => 0);
  for (let time = 0; time < ROUND_MS; time++) if (offset(dial, time) < 1) dial.strike(time);
  assert.ok(dial.score < (PACE * ROUND_MS) / 1000, `${dial.score}`);
  assert.ok(dial.score > (PACE * ROUND_MS) / 4000, `${dial.score}`);
});

test("the dice of a run are those of its seed", () => {
  const roll = (seed) => Array.from({ length: 1000 }, seededRandom(seed));
  assert.deepEqual(roll(7), roll(7));
  assert.notDeepEqual(roll(7), roll(8));
  assert.ok(roll(2 ** 31 - 1).every((number) => number >= 0 && number < 1));
  const mean = roll(7).reduce((sum, number) => sum + number) / 1000;
  assert.ok(mean > 0.45 && mean < 0.55, `${mean}`);
});

test("sprint: the clock starts with the first pad and stops with the last", () => {
  const sprint = new Sprint(() => 0.4);
  assert.equal(sprint.time(5000), 0);
  for (let hit = 0; hit < TARGETS; hit++) assert.equal(sprint.hit(sprint.lit, 1000 + hit * 100), true);
  assert.equal(sprint.finished, true);
  assert.equal(sprint.time(1000 + (TARGETS - 1) * 100), (TARGETS - 1) * 100);
});

test("sprint: a wrong pad costs time once the clock runs, and leaves the light where it is", () => {
  const sprint = new Sprint(() => 0.4);
  const wrong = () => (sprint.lit + 1) % PADS;
  assert.equal(sprint.hit(wrong(), 0), false);
  assert.equal(sprint.wrong, 0);
  sprint.hit(sprint.lit, 0);
  const { lit, left } = sprint;
  assert.equal(sprint.hit(wrong(), 10), false);
  assert.deepEqual([sprint.lit, sprint.left], [lit, left]);
  assert.equal(sprint.time(10), 10 + PENALTY_MS);
});

test("sprint: the light never stays on one pad", () => {
  for (const draw of [0, 0.3, 0.999]) {
    const sprint = new Sprint(() => draw);
    const before = sprint.lit;
    sprint.hit(before, 0);
    assert.notEqual(sprint.lit, before);
    assert.ok(sprint.lit >= 0 && sprint.lit < PADS);
  }
});

test("score to screen: from the submission to the player's own changed entry", () => {
  const shown = [];
  let now = 100;
  const clock = new ScoreToScreen(() => now, (text) => shown.push(text));
  const before = { score: 5, achievedAt: 1 };
  clock.rendered(before); // nothing was submitted
  clock.submitted(before);
  now = 120;
  clock.rendered(before); // another player's row moved
  clock.rendered(undefined);
  now = 143.4;
  clock.rendered({ score: 9, achievedAt: 2 });
  clock.rendered({ score: 10, achievedAt: 3 });
  assert.deepEqual(shown, ["score to screen: …", "score to screen: 43 ms"]);
});

test("score to screen: a score that will not come is waited for no longer", () => {
  const shown = [];
  const clock = new ScoreToScreen(() => 0, (text) => shown.push(text));
  clock.submitted(undefined);
  clock.cancel("no new best");
  clock.rendered({ score: 9, achievedAt: 2 });
  assert.equal(shown.at(-1), "no new best");
});

test("a full board is made only by beating its last entry: of equal scores the earlier stays", () => {
  const entries = [{ score: 9 }, { score: 5 }];
  const made = (score, board) => makesTheBoard({ score }, { entries, size: 2, order: "desc", ...board });
  assert.deepEqual([4, 5, 6].map((score) => made(score)), [false, false, true]);
  const slow = { entries: [{ score: 5 }, { score: 9 }], order: "asc" };
  assert.deepEqual([8, 9, 10].map((score) => made(score, slow)), [true, false, false]);
  assert.equal(made(0, { size: 3 }), true);
  assert.equal(made(0, { entries: [], size: 2 }), true);
});

test("of equal scores the better tie-break makes the board", () => {
  const entries = [
    { score: 9, tiebreak: 1, achievedAt: 1, userId: "a" },
    { score: 5, tiebreak: 7, achievedAt: 2, userId: "b" },
  ];
  const made = (score, tiebreak, order) =>
    makesTheBoard({ score, tiebreak }, { entries, size: 2, order: "desc", tiebreak: { name: "coins", order } });
  assert.deepEqual([6, 7, 8].map((coins) => made(5, coins, "desc")), [false, false, true]);
  assert.deepEqual([6, 7, 8].map((misses) => made(5, misses, "asc")), [true, false, false]);
  assert.equal(made(4, 100, "desc"), false);
});

test("a run sends hits where more is better and misses where less is, within the area's bounds", () => {
  const run = { hits: 12, misses: 3 };
  assert.equal(tiebreakOf(run, { order: "desc", min: 0, max: 100 }), 12);
  assert.equal(tiebreakOf(run, { order: "asc", min: 0, max: 100 }), 3);
  assert.equal(tiebreakOf(run, { order: "desc", min: 20, max: 100 }), 20);
  assert.equal(tiebreakOf(run, { order: "asc", min: 0, max: 2 }), 2);
});

test("a tie-break is shown with its name, and an entry without one shows none", () => {
  assert.equal(formatTiebreak({ name: "coins" }, 1234), "1,234 coins");
  assert.equal(formatTiebreak({ name: "coins" }, 0), "0 coins");
  assert.equal(formatTiebreak({ name: "coins" }, undefined), "");
});

test("a board is found by any words of its title, the closest first", () => {
  const titles = ["Whispering Forest", "Forêt d'Été", "Level 170", "Level 70", "Level 7", "Forest"];
  const search = new BoardSearch(titles.map((title, id) => ({ id, title })));
  const found = (text) => search.find(text).map(({ title }) => title);
  assert.deepEqual(found(""), titles);
  assert.deepEqual(found("  "), titles);
  assert.deepEqual(found("forest"), ["Forest", "Whispering Forest"]);
  assert.deepEqual(found("FORET ete"), ["Forêt d'Été"]);
  assert.deepEqual(found("level 7"), ["Level 7", "Level 70", "Level 170"]);
  assert.deepEqual(found("7 lev"), ["Level 70", "Level 7", "Level 170"]);
  assert.deepEqual(found("level desert"), []);
});

test("scores and places read as people write them", () => {
  assert.equal(formatScore("desc", 1234567), "1,234,567");
  assert.equal(formatScore("asc", 8042), "8.042 s");
  assert.deepEqual([1, 2, 3, 4, 10, 11, 12, 13].map(ordinal), "1st 2nd 3rd 4th 10th 11th 12th 13th".split(" "));
  assert.deepEqual([21, 22, 101, 111, 1003].map(ordinal), "21st 22nd 101st 111th 1,003rd".split(" "));
});

test("a share is rounded up to whole percents, and never below one", () => {
  assert.deepEqual([0.0000001, 0.01, 0.0345, 1].map(share), [1, 1, 4, 100].map((n) => `top ${n} percent`));
});
