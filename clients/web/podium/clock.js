/**
 * @typedef {object} Clock
 * @property {() => number} now milliseconds since the epoch
 * @property {() => number} [monotonic] milliseconds since any moment, by a clock that is never set; `now` unless told
 * @property {(act: () => void, delay: number) => any} setTimeout `delay` is in milliseconds
 * @property {(timer: any) => void} clearTimeout
 */

/** @type {Clock} this machine's */
export const SYSTEM_CLOCK = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (act, delay) => setTimeout(act, delay),
  clearTimeout: (timer) => clearTimeout(timer),
};

/** Milliseconds by which this machine's two clocks may come apart before the monotonic one counts as stopped. */
export const JUMP_MS = 3_000;

/**
 * The server's clock, as this machine knows it: never ahead of it, and behind by what a frame takes to arrive.
 *
 * It is a monotonic clock, so that a player who sets the wall clock changes nothing, corrected by the largest
 * difference between a frame's `now` and its receipt: the frame that took the shortest time. Each connection begins
 * again, for clocks drift; until it has told the time, what the last one told holds.
 *
 * In some browsers the monotonic clock stands still while the machine sleeps. Then the wall clock runs ahead of it, which
 * `hasJumped` notices; the wall clock may as well have been set, so the server has to be asked.
 * https://w3c.github.io/hr-time/#dfn-monotonic-clock
 */
export class ServerClock {
  #clock;
  /** @type {?number} the server's clock less the monotonic one */
  #ahead = null;
  #isNew = true;
  #apart; // the wall clock less the monotonic one, when they were last looked at

  /** @param {Clock} clock */
  constructor(clock) {
    this.#clock = clock;
    this.#apart = clock.now() - this.#monotonic;
  }

  get #monotonic() {
    return (this.#clock.monotonic ?? this.#clock.now)();
  }

  /** Milliseconds since the epoch: the server's, or this machine's until the server has told its own. */
  get now() {
    return this.#ahead === null ? this.#clock.now() : this.#monotonic + this.#ahead;
  }

  /** Begin with a new connection. */
  connected() {
    this.#isNew = true;
  }

  /** @param {number} now of a frame that has just arrived, in milliseconds since the epoch */
  heard(now) {
    const ahead = now - this.#monotonic;
    this.#ahead = this.#isNew ? ahead : Math.max(ahead, this.#ahead ?? -Infinity);
    this.#isNew = false;
  }

  /** Whether the two clocks have come apart since this was last asked. */
  hasJumped() {
    const apart = this.#clock.now() - this.#monotonic;
    const jump = Math.abs(apart - this.#apart);
    if (jump < JUMP_MS) return false;
    this.#apart = apart;
    return true;
  }
}
