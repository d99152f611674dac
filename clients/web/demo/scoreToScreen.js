import { ranked } from "../podium/board.js";

/**
 * The time from a score to the screen: from the moment it is submitted to the moment the player's own changed entry
 * is on the board.
 */
export class ScoreToScreen {
  #now;
  #show;
  #pending = null;

  /**
   * @param {() => number} now milliseconds
   * @param {(text: string) => void} show
   */
  constructor(now, show) {
    this.#now = now;
    this.#show = show;
  }

  /** A score is being submitted, while the board shows `entry` for the player. */
  submitted(entry) {
    this.#pending = { started: this.#now(), before: achievement(entry) };
    this.#show("score to screen: …");
  }

  /** The board now shows `entry` for the player. */
  rendered(entry) {
    if (!this.#pending || !entry || achievement(entry) === this.#pending.before) return;
    const milliseconds = Math.round(this.#now() - this.#pending.started);
    this.#pending = null;
    this.#show(`score to screen: ${milliseconds} ms`);
  }

  /** No score is on its way to this screen; `why` says what became of the last one. */
  cancel(why = "") {
    this.#pending = null;
    this.#show(why);
  }
}

/**
 * Whether a player who is not among the entries shown gets among them with a run of just now: it has to beat the last
 * of a full board, since of equal runs the earlier ranks higher.
 *
 * @param {{score: number, tiebreak?: number}} run
 */
export function makesTheBoard(run, { entries, size, order, tiebreak }) {
  const now = { ...run, achievedAt: Infinity };
  return ranked(order, [...entries, now], tiebreak?.order).findIndex(({ achievedAt }) => achievedAt === Infinity) < size;
}

const achievement = (entry) => entry && `${entry.score} ${entry.achievedAt}`;
