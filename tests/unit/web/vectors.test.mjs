/** The recorded frames of clients/vectors/board, which a client in any language plays. See the README there. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { makePlayer, settle } from "./harness.mjs";

const FOLDER = new URL("../../../clients/vectors/board/", import.meta.url);
const TIMES = ["season", "startsAt", "endsAt", "epoch", "version"];

/** What a step says of a board: its times, and who is on it in order. */
const brief = (update) => ({
  ...Object.fromEntries(TIMES.filter((name) => name in update).map((name) => [name, update[name]])),
  entries: update.entries.map(({ userId }) => userId),
});

async function play({ board, random, steps }) {
  const events = new EventTarget();
  const boards = [{ ...board, title: board.id, areas: ["forest"] }];
  const { podium, clock, sockets, socket } = await makePlayer({ config: { boards }, random, events });
  let held = null;
  const tells = [];
  podium.subscribe(board.id, (update) => {
    held = brief(update);
    tells.push({ type: update.type, ...held });
  });
  await settle();
  const began = clock.monotonic();
  let taken = 0;
  for (const [index, step] of steps.entries()) {
    await clock.advance(step.at - (clock.monotonic() - began));
    if (step.open) socket().open();
    if (step.lost) socket().drop();
    if (step.frame) socket().push(step.frame);
    if (step.sleep) {
      clock.skip(step.sleep);
      events.dispatchEvent(new Event("visibilitychange"));
    }
    const sent = sockets.flatMap((each) => each.sent);
    const what = `step ${index}, at ${step.at}`;
    assert.deepEqual(held, step.holds, `${what}: holds`);
    assert.deepEqual(tells.splice(0), step.tells, `${what}: tells`);
    assert.deepEqual(sent.slice(taken), step.sends, `${what}: sends`);
    taken = sent.length;
  }
  podium.close();
}

for (const name of readdirSync(FOLDER).filter((each) => each.endsWith(".json"))) {
  const vector = JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));
  test(`${name}: ${vector.about}`, () => play(vector));
}
