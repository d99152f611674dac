/** Plays deliveries, given as JSON on standard input, with the web client's replica: see tests/unit/realtime/test_seasons.py. */
import { readFileSync } from "node:fs";

import { Replica } from "../../../clients/web/podium.js";

function play(steps) {
  const replica = new Replica("desc");
  return steps.map(({ now, frame }) => {
    const outcome = now === undefined ? replica[frame.type](frame) : replica.turn(now);
    const { season, startsAt, endsAt, position, entries, turning, isTold } = replica;
    const place = position && [position.epoch, position.version];
    return [outcome, season, startsAt, endsAt, place, entries.map(({ userId }) => userId), turning, isTold];
  });
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(play)));
