/**
 * A client's copy of a board: what each snapshot and diff does to it. Pure: no sockets, no clock.
 *
 * @typedef {{rank: number, userId: string, name: string, avatar: ?string, score: number, achievedAt: number}} Entry
 * @typedef {{op: "set"} & Entry | {op: "remove", userId: string}} Change
 * @typedef {"desc" | "asc"} Order "desc": more points are better; "asc": fewer are (a time trial)
 */

/** What became of a frame. `RESYNC`: it does not follow from what is held, so ask for a snapshot. */
export const Outcome = Object.freeze({ APPLIED: "applied", IGNORED: "ignored", RESYNC: "resync" });

const compareText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Sorts as the table's sort key does: of equal scores, the one reached first comes first.
 *
 * @type {Record<Order, (a: Entry, b: Entry) => number>}
 */
const COMPARE = {
  desc: (a, b) => b.score - a.score || a.achievedAt - b.achievedAt || compareText(b.userId, a.userId),
  asc: (a, b) => a.score - b.score || a.achievedAt - b.achievedAt || compareText(a.userId, b.userId),
};

/**
 * The entries in the board's order, with the ranks (from 1) that follow from it.
 *
 * @param {Order} order
 * @param {Iterable<Entry>} entries
 * @returns {Entry[]}
 */
export function ranked(order, entries) {
  return [...entries].sort(COMPARE[order]).map((entry, index) => ({ ...entry, rank: index + 1 }));
}

/**
 * The ranked board after the changes; the board given is left as it is.
 *
 * @param {Order} order
 * @param {Iterable<Entry>} entries
 * @param {Iterable<Change>} changes
 * @returns {Entry[]}
 */
export function apply(order, entries, changes) {
  const board = new Map([...entries].map((entry) => [entry.userId, entry]));
  for (const { op, ...entry } of changes) {
    if (op === "remove") board.delete(entry.userId);
    else board.set(entry.userId, entry);
  }
  return ranked(order, board.values());
}

/** One board as a client holds it. `position` (`{epoch, version}`) is null until the first snapshot. */
export class Replica {
  /** @param {Order} order */
  constructor(order) {
    this.order = order;
    this.position = null;
    /** @type {Entry[]} */
    this.entries = [];
    /** The most entries that the board shows; null until the first snapshot. */
    this.size = null;
  }

  /** Takes a snapshot, unless it is older than what is held in the same epoch. */
  snapshot({ epoch, version, size, entries }) {
    if (this.position?.epoch === epoch && version < this.position.version) return Outcome.IGNORED;
    this.position = { epoch, version };
    this.entries = entries;
    this.size = size;
    return Outcome.APPLIED;
  }

  /** Applies a diff that follows from what is held, ignores one that is not newer. */
  diff({ epoch, from, to, changes }) {
    if (this.position?.epoch !== epoch) return Outcome.RESYNC;
    if (to <= this.position.version) return Outcome.IGNORED;
    if (from !== this.position.version) return Outcome.RESYNC;
    this.entries = apply(this.order, this.entries, changes);
    this.position = { epoch, version: to };
    return Outcome.APPLIED;
  }
}
