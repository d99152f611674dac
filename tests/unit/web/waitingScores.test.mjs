import assert from "node:assert/strict";
import { test } from "node:test";

import { showWaitingScores } from "../../../clients/web/demo/waitingScores.js";

/** The page's line over a client that tells of what the test says. */
function makeLine(waiting = []) {
  const listeners = {};
  const podium = {
    user: { id: "id-ada" },
    waitingScores: waiting,
    on: (event, listener) => (listeners[event] = listener),
  };
  const line = { hidden: true, textContent: "" };
  const told = [];
  const state = { scored: (area, best) => told.push(["scored", area, best]) };
  const notices = {
    announce: (message) => told.push(["announce", message]),
    error: (error) => told.push(["error", error.message]),
  };
  showWaitingScores(podium, state, notices, line);
  const tell = (scores) => {
    podium.waitingScores = scores;
    listeners.waiting(scores);
  };
  return { line, told, tell, score: (event) => listeners.score(event) };
}

const ONE = "1 score is waiting for the network. It is sent by itself.";
const TWO = "2 scores are waiting for the network. They are sent by themselves.";

test("the line counts the scores that wait, from the start, and goes with the last", () => {
  const { line, told, tell } = makeLine([{}]);
  assert.deepEqual([line.hidden, line.textContent], [false, ONE]);
  tell([{}, {}]);
  assert.deepEqual([line.hidden, line.textContent], [false, TWO]);
  tell([]);
  assert.equal(line.hidden, true);
  assert.deepEqual(told, [["announce", ONE], ["announce", TWO]]);
});

test("a score that was sent late is the player's new best; the last one is announced", () => {
  const { told, tell, score } = makeLine([{}, {}]);
  told.length = 0;
  score({ state: "sent", player: "id-ada", gameArea: "forest", best: 5 });
  tell([]);
  score({ state: "sent", player: "id-ada", gameArea: "forest", best: 7 });
  score({ state: "sent", player: "id-bob", gameArea: "forest", best: 9 });
  assert.deepEqual(told, [
    ["scored", "forest", 5],
    ["scored", "forest", 7],
    ["announce", "Your scores have been sent."],
  ]);
});

test("only a score that is dropped is an error on the page", () => {
  const { told, score } = makeLine();
  score({ state: "queued", player: "id-ada" });
  score({ state: "dropped", player: "id-bob", error: new Error("too old") });
  assert.deepEqual(told, [["error", "too old"]]);
});
