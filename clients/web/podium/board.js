/**
 * A client's copy of a board: what each snapshot and diff does to it. Pure: no sockets, no clock.
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
 * @typedef {Position & {size: number, entries: Entry[], tiebreak?: ?Order}} Snapshot
 * @typedef {{epoch: number, from: number, to: number, changes: Change[]}} Diff from a version to the next
 * @typedef {"desc" | "asc"} Order "desc": more points are better; "asc": fewer are (a time trial)
 */

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
  }

  /**
   * Takes a snapshot, unless it is older than what is held in the same epoch.
   *
   * @param {Snapshot} frame
   */
  snapshot({ epoch, version, size, entries, tiebreak = null }) {
    if (this.position && this.position.epoch === epoch && version < this.position.version) return Outcome.IGNORED;
    this.position = { epoch, version };
    this.entries = entries;
    this.size = size;
    this.tiebreak = tiebreak;
    return Outcome.APPLIED;
  }

  /**
   * Applies a diff that follows from what is held, ignores one that is not newer.
   *
   * @param {Diff} frame
   */
  diff({ epoch, from, to, changes }) {
    if (!this.position || this.position.epoch !== epoch) return Outcome.RESYNC;
    if (to <= this.position.version) return Outcome.IGNORED;
    if (from !== this.position.version) return Outcome.RESYNC;
    this.entries = apply(this.order, this.entries, changes, this.tiebreak);
    this.position = { epoch, version: to };
    return Outcome.APPLIED;
  }
}
