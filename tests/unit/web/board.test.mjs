import assert from "node:assert/strict";
import { test } from "node:test";

import { seededRandom } from "../../../clients/web/demo/seededRandom.js";
import { apply, Outcome, ranked, Replica } from "../../../clients/web/podium.js";
import { diff, entry, snapshot } from "./harness.mjs";

const ids = (entries) => entries.map(({ userId }) => userId);

test("desc board ranks more points first, then the earlier, then the greater user id", () => {
  const entries = [entry("a", 5, 2), entry("b", 5, 2), entry("c", 5, 1), entry("d", 9, 3)];
  const board = ranked("desc", entries);
  assert.deepEqual(ids(board), ["d", "c", "b", "a"]);
  assert.deepEqual(board.map(({ rank }) => rank), [1, 2, 3, 4]);
});

test("asc board ranks fewer points first, then the earlier, then the lesser user id", () => {
  const entries = [entry("b", 5, 2), entry("a", 5, 2), entry("c", 5, 1), entry("d", 9, 3)];
  assert.deepEqual(ids(ranked("asc", entries)), ["c", "a", "b", "d"]);
});

test("apply ranks by the order, whatever rank a change names", () => {
  const board = ranked("desc", [entry("a", 3), entry("b", 2)]);
  const after = apply("desc", board, [{ op: "set", ...entry("b", 4), rank: 99 }]);
  assert.deepEqual(after.map(({ userId, rank }) => [userId, rank]), [["b", 1], ["a", 2]]);
});

test("apply leaves the board it was given as it is, and no op in the entries", () => {
  const board = Object.freeze(ranked("desc", [entry("a", 3)]).map(Object.freeze));
  const after = apply("desc", board, [{ op: "set", ...entry("b", 4) }]);
  assert.deepEqual(ids(board), ["a"]);
  assert.deepEqual(after[0], { ...entry("b", 4), rank: 1 });
});

test("removing an unknown player changes nothing", () => {
  const board = ranked("desc", [entry("a", 3)]);
  assert.deepEqual(apply("desc", board, [{ op: "remove", userId: "stranger" }]), board);
});

for (const [order, tiebreak] of ["desc", "asc"].flatMap((one) => [null, "desc", "asc"].map((other) => [one, other]))) {
  test(`apply(old, difference(old, new)) is new, on random ${order} boards with tie-break ${tiebreak}`, () => {
    for (let seed = 0; seed < 500; seed++) {
      const random = seededRandom(seed);
      const pick = (count) => Math.floor(random() * count);
      // Few distinct values, so that ties in score and time are common.
      const board = () => {
        const users = new Set(Array.from({ length: pick(8) }, () => `user${pick(10)}`));
        const run = () => (tiebreak ? { tiebreak: pick(3), metadata: { car: pick(2) } } : {});
        return [...users].map((userId) => ({ ...entry(userId, pick(4), pick(3)), ...run() }));
      };
      // The naive model: insert each entry before the first that it beats, found by comparing text keys.
      const pad = (number) => String(number).padStart(4, "0");
      const column = (value = 0) => pad(tiebreak === order ? value : 9999 - value);
      const key = ({ score, tiebreak: own, achievedAt, userId }) =>
        `${pad(score)}#${column(own)}#${pad(order === "desc" ? 9999 - achievedAt : achievedAt)}#${userId}`;
      const beats = (one, other) => (order === "desc" ? key(one) > key(other) : key(one) < key(other));
      const model = (entries) => {
        const sorted = [];
        for (const one of entries) {
          const at = sorted.findIndex((other) => beats(one, other));
          sorted.splice(at < 0 ? sorted.length : at, 0, one);
        }
        return sorted.map((one, index) => ({ ...one, rank: index + 1 }));
      };
      const [before, after] = [model(board()), model(board())];
      const content = ({ score, achievedAt, tiebreak: own, metadata }) => [score, achievedAt, own, metadata?.car].join();
      const same = (one, other) => Boolean(other) && content(one) === content(other);
      const changes = [
        ...before.filter(({ userId }) => !ids(after).includes(userId)).map(({ userId }) => ({ op: "remove", userId })),
        ...after
          .filter((one) => !same(one, before.find(({ userId }) => userId === one.userId)))
          .map((one) => ({ op: "set", ...one })),
      ];
      assert.deepEqual(apply(order, before, changes, tiebreak), after, `seed ${seed}`);
    }
  });
}

test("replica resyncs on a diff before its first snapshot", () => {
  assert.equal(new Replica("desc").diff(diff(0)), Outcome.RESYNC);
});

test("replica applies a diff that follows, and ignores it the second time", () => {
  const replica = new Replica("desc");
  replica.snapshot(snapshot(3, [entry("a", 1)]));
  assert.equal(replica.diff(diff(3, [entry("b", 2)])), Outcome.APPLIED);
  assert.equal(replica.diff(diff(3, [entry("b", 2)])), Outcome.IGNORED);
  assert.deepEqual(replica.position, { epoch: 7, version: 4 });
  assert.deepEqual(ids(replica.entries), ["b", "a"]);
});

test("replica resyncs on a gap and on another epoch, and keeps what it holds", () => {
  const replica = new Replica("desc");
  replica.snapshot(snapshot(3, [entry("a", 1)]));
  assert.equal(replica.diff(diff(4, [entry("b", 2)])), Outcome.RESYNC);
  assert.equal(replica.diff(diff(3, [entry("b", 2)], 8)), Outcome.RESYNC);
  assert.deepEqual(replica.position, { epoch: 7, version: 3 });
  assert.deepEqual(ids(replica.entries), ["a"]);
});

test("replica ignores an older snapshot of the same epoch only", () => {
  const replica = new Replica("desc");
  replica.snapshot(snapshot(3, [entry("a", 1)]));
  assert.equal(replica.snapshot(snapshot(2, [])), Outcome.IGNORED);
  assert.deepEqual(ids(replica.entries), ["a"]);
  assert.equal(replica.snapshot(snapshot(1, [entry("b", 1)], 8)), Outcome.APPLIED);
  assert.deepEqual(replica.position, { epoch: 8, version: 1 });
});

test("replica learns from the snapshot which tie-breaks are better", () => {
  const replica = new Replica("desc");
  const [few, many] = [{ ...entry("a", 1), tiebreak: 2 }, { ...entry("b", 1, 9), tiebreak: 5 }];
  replica.snapshot({ ...snapshot(3, [few]), tiebreak: "desc" });
  replica.diff(diff(3, [many]));
  assert.deepEqual(ids(replica.entries), ["b", "a"]);
  replica.snapshot({ ...snapshot(1, [few], 8), tiebreak: "asc" });
  replica.diff(diff(1, [many], 8));
  assert.deepEqual(ids(replica.entries), ["a", "b"]);
  replica.snapshot(snapshot(1, [few], 9));
  replica.diff(diff(1, [many], 9));
  assert.deepEqual(ids(replica.entries), ["a", "b"], "without a tie-break the first comes first");
});
