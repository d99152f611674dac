/** The dial: a needle turns, a gate waits on the ring; strike while the needle is inside the gate. Pure. */

export const ROUND_MS = 10_000;
const POINTS_LIMIT = 1_000_000;
const CHAIN_LIMIT = 8;

/**
 * What the areas differ in: degrees a second, half the gate's width in degrees, how the gate drifts, and what part of the
 * usual points a hit wins. The gauntlet's rules bound the points per second of a run.
 */
export const DIALS = {
  forest: { speed: 170, half: 26, drift: 0, share: 1 },
  desert: { speed: 190, half: 24, drift: 34, share: 1 },
  gauntlet: { speed: 205, half: 20, drift: -46, share: 1 / 30 },
};

/** The angle from `b` to `a`, in degrees from -180 to 180. */
const between = (a, b) => ((((a - b + 180) % 360) + 360) % 360) - 180;

export class Dial {
  score = 0;
  chain = 0;
  #rules;
  #random;
  #from = 0; // the needle's angle at #since
  #since = 0;
  #direction = 1;
  #speed;
  #gate;
  #hits = 0;
  #misses = 0;

  /**
   * @param {{speed: number, half: number, drift: number, share: number}} rules
   * @param {() => number} random from 0 to 1
   */
  constructor(rules, random) {
    this.#rules = rules;
    this.#random = random;
    this.#speed = rules.speed;
    this.#gate = this.#next();
  }

  /** What was won so far. */
  get run() {
    return { score: this.score, hits: this.#hits, misses: this.#misses };
  }

  /** Half the gate's width in degrees: it narrows by a degree with every hit, down to 12. */
  get half() {
    return Math.max(12, this.#rules.half - this.#hits);
  }

  /** The needle's angle, `time` milliseconds into the round. */
  needle(time) {
    return this.#from + (this.#direction * this.#speed * (time - this.#since)) / 1000;
  }

  /** The angle of the gate's middle. */
  gate(time) {
    return this.#gate + (this.#direction * -this.#rules.drift * (time - this.#since)) / 1000;
  }

  /** Strikes. The points won: more in the middle of the gate, and more for each hit in a row; 0 for a miss. */
  strike(time) {
    const offset = Math.abs(between(this.needle(time), this.gate(time)));
    if (offset > this.half) {
      this.chain = 0;
      this.#misses += 1;
      return 0;
    }
    const whole = (500 + 1500 * (1 - offset / this.half)) * (1 + this.chain / 4);
    const points = Math.max(1, Math.round(whole * this.#rules.share));
    this.score = Math.min(POINTS_LIMIT, this.score + points);
    this.chain = Math.min(CHAIN_LIMIT, this.chain + 1);
    this.#turn(time);
    return points;
  }

  #turn(time) {
    this.#from = this.needle(time);
    this.#since = time;
    this.#direction = -this.#direction;
    this.#speed = Math.min(2.2 * this.#rules.speed, this.#speed * 1.06);
    this.#hits += 1;
    this.#gate = this.#next();
  }

  #next() {
    return this.#from + this.#direction * (80 + 160 * this.#random());
  }
}
