/** The sprint: pads light up one at a time; hit them all, as fast as you can. Pure. */

export const PADS = 9;
export const TARGETS = 15;
/** Milliseconds that each wrong pad costs. */
export const PENALTY_MS = 300;

export class Sprint {
  /** Pads still to hit. */
  left = TARGETS;
  wrong = 0;
  #random;
  #started = null;

  /** @param {() => number} random from 0 to 1 */
  constructor(random) {
    this.#random = random;
    this.lit = Math.floor(random() * PADS);
  }

  /** Milliseconds so far, penalties included. The clock starts with the first pad. */
  time(now) {
    return this.#started === null ? 0 : Math.round(now - this.#started) + this.wrong * PENALTY_MS;
  }

  get finished() {
    return this.left === 0;
  }

  /** Whether that was the lit pad. */
  hit(pad, now) {
    if (pad !== this.lit) {
      if (this.#started !== null) this.wrong += 1;
      return false;
    }
    this.#started ??= now;
    this.left -= 1;
    // Any pad but the one just hit.
    this.lit = this.finished ? null : (pad + 1 + Math.floor(this.#random() * (PADS - 1))) % PADS;
    return true;
  }
}
