/**
 * A client's copy of a board: what each snapshot and diff does to it. Pure: no sockets, no clock.
 *
 * **Seasons.** A board that has them begins again at a time that each client knows. It turns by itself, to version 0 of
 * the epoch that is the season's start: the empty board. So at the boundary no frame has to arrive in time, and no client
 * has to ask. What comes later fits on top of it:
 *
 *     own clock says `endsAt`      -> turn: (endsAt, 0, no entries); when this season ends is not known yet
 *     frame of a newer season      -> turn too, and take the frame, as far as it follows
 *     frame of an older season     -> ignored, but for a snapshot that says that the season left goes on
 *     snapshot of the season held  -> says when it ends, even where its entries are older than those held
 *     diff that does not follow    -> RESYNC: ask at once; where `turning` after a random time up to `spread`, for what
 *                                     one client missed at a turn, a million others have missed too
 *
 * @typedef {object} Entry
 * @property {number} rank from 1
 * @property {string} userId
 * @property {string} name
 * @property {?string} avatar the key of the portrait
 * @property {number} score
 * @property {number} achievedAt milliseconds since the epoch
 * @property {number} [tiebreak] of the same run, where the board's area has a tie-break
 * @property {any} [metadata] what the game sent with the score, where the area takes some
 *
 * @typedef {({op: "set"} & Entry) | {op: "remove", userId: string}} Change
 * @typedef {{epoch: number, version: number}} Position
 * @typedef {{season?: ?number, startsAt?: ?number, endsAt?: ?number, now?: number, spread?: number}} Times of a board with
 *   seasons: milliseconds since the epoch, `spread` in seconds
 * @typedef {Position & Times & {size: number, entries: Entry[], tiebreak?: ?Order}} Snapshot
 * @typedef {{epoch: number, from: number, to: number, changes: Change[], season?: ?number}} Diff from a version to the next
 * @typedef {"desc" | "asc"} Order "desc": more points are better; "asc": fewer are (a time trial)
 */

import { SPREAD_SECONDS } from "./constants.js";

/** What became of a frame. `RESYNC`: it does not follow from what is held, so ask for a snapshot. */
export const Outcome = Object.freeze({ APPLIED: "applied", IGNORED: "ignored", RESYNC: "resync" });

const compareText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

const compareNumbers = { desc: (a, b) => b - a, asc: (a, b) => a - b };
const compareTexts = { desc: (a, b) => compareText(b, a), asc: compareText };
/** An entry without a tie-break loses against every other. */
const WORST = { desc: -Number.MAX_SAFE_INTEGER, asc: Number.MAX_SAFE_INTEGER };

/**
 * Sorts as the table's sort key does: of equal scores the better tie-break, where the board has one; then the one
 * reached first.
 *
 * @param {Order} order
 * @param {?Order} tiebreak
 * @returns {(a: Entry, b: Entry) => number}
 */
const comparison = (order, tiebreak) => (a, b) =>
  compareNumbers[order](a.score, b.score) ||
  (tiebreak ? compareNumbers[tiebreak](a.tiebreak ?? WORST[tiebreak], b.tiebreak ?? WORST[tiebreak]) : 0) ||
  a.achievedAt - b.achievedAt ||
  compareTexts[order](a.userId, b.userId);

/**
 * The entries in the board's order, with the ranks (from 1) that follow from it.
 *
 * @param {Order} order
 * @param {Iterable<Entry>} entries
 * @param {?Order} [tiebreak] which tie-breaks are better, on a board that has one
 * @returns {Entry[]}
 */
export function ranked(order, entries, tiebreak = null) {
  return [...entries].sort(comparison(order, tiebreak)).map((entry, index) => ({ ...entry, rank: index + 1 }));
}

/**
 * The ranked board after the changes; the board given is left as it is.
 *
 * @param {Order} order
 * @param {Iterable<Entry>} entries
 * @param {Iterable<Change>} changes
 * @param {?Order} [tiebreak] see `ranked`
 * @returns {Entry[]}
 */
export function apply(order, entries, changes, tiebreak = null) {
  const board = new Map([...entries].map((entry) => [entry.userId, entry]));
  for (const change of changes) {
    const { op, ...entry } = change;
    if (change.op === "remove") board.delete(change.userId);
    else board.set(change.userId, /** @type {Entry} */ (entry));
  }
  return ranked(order, board.values(), tiebreak);
}

/** One board as a client holds it. `position` (`{epoch, version}`) is null until the first snapshot. */
export class Replica {
  /** @type {?("guessed" | "told")} how the board turned of which nothing was taken since: by the own clock, or by a frame */
  #turned = null;

  /** @param {Order} order */
  constructor(order) {
    this.order = order;
    /** @type {?Position} */
    this.position = null;
    /** @type {Entry[]} */
    this.entries = [];
    /** @type {?number} the most entries that the board shows; null until the first snapshot */
    this.size = null;
    /** @type {?Order} which tie-breaks are better, as the snapshot says; null on a board without any */
    this.tiebreak = null;
    /** @type {?number} null on a board without seasons */
    this.season = null;
    /** @type {?number} milliseconds since the epoch, like `endsAt`; null while it is not known */
    this.startsAt = null;
    /** @type {?number} */
    this.endsAt = null;
    /** Seconds within which clients ask that have the same reason. */
    this.spread = SPREAD_SECONDS;
  }

  /** Whether the board has turned, and nothing of the new season was taken yet. */
  get turning() {
    return this.#turned !== null;
  }

  /** Whether it is known when the season ends, if there is one. */
  get isTold() {
    return this.season === null || this.endsAt !== null;
  }

  /**
   * Turns to the next season if this one has ended; says whether it has.
   *
   * @param {number} now milliseconds since the epoch, by the server's clock
   */
  turn(now) {
    if (this.season === null || this.endsAt === null || now < this.endsAt) return false;
    this.#turnTo(this.season + 1, this.endsAt, this.endsAt);
    this.#turned = "guessed";
    return true;
  }

  /**
   * Takes a snapshot, unless it is older than what is held in the same epoch, or of an older season.
   *
   * @param {Snapshot} frame
   */
  snapshot({ epoch, version, size, entries, tiebreak = null, season = null, startsAt = null, endsAt = null, spread = SPREAD_SECONDS }) {
    if (season !== null && this.season !== null) {
      if (season < this.season && !this.#goesOn(season, endsAt)) return Outcome.IGNORED;
      if (season === this.season && !this.isTold) Object.assign(this, { startsAt, endsAt, spread });
    }
    if (this.position && this.position.epoch === epoch && version < this.position.version) return Outcome.IGNORED;
    this.position = { epoch, version };
    Object.assign(this, { entries, size, tiebreak, season, startsAt, endsAt, spread });
    this.#turned = null;
    return Outcome.APPLIED;
  }

  /**
   * Applies a diff that follows from what is held, ignores one that is not newer. Also where it does not follow, the
   * board may have turned.
   *
   * @param {Diff} frame
   */
  diff({ epoch, from, to, changes, season = null }) {
    if (!this.position) return Outcome.RESYNC;
    if (season !== null && this.season !== null) {
      if (season < this.season) return Outcome.IGNORED;
      this.#follow(season, epoch, from);
    }
    if (this.position.epoch !== epoch) return Outcome.RESYNC;
    if (to <= this.position.version) return Outcome.IGNORED;
    if (from !== this.position.version) return Outcome.RESYNC;
    this.entries = apply(this.order, this.entries, changes, this.tiebreak);
    this.position = { epoch, version: to };
    this.#turned = null;
    return Outcome.APPLIED;
  }

  /**
   * Whether a season that was left by the own clock ends later than it was said to: a designer may prolong the season
   * that is open.
   */
  #goesOn(season, endsAt) {
    return this.#turned === "guessed" && season + 1 === this.season && endsAt > (this.startsAt ?? Infinity);
  }

  /** Turn as a diff of this season or a newer one says. */
  #follow(season, epoch, from) {
    if (season === this.season && !this.turning) return;
    const isHeld = this.position?.epoch === epoch && this.position?.version === 0;
    if (from === 0) {
      // Only the first epoch of a season has a version 0, and that epoch is its start.
      if (season !== this.season || !isHeld) this.#turnTo(season, epoch, epoch);
    } else if (season !== this.season) {
      const startsAt = season - 1 === this.season ? this.endsAt : null;
      this.#turnTo(season, startsAt ?? epoch, startsAt);
    }
    this.#turned = "told";
  }

  #turnTo(season, epoch, startsAt) {
    Object.assign(this, { season, startsAt, endsAt: null, entries: [], position: { epoch, version: 0 } });
  }
}
