/**
 * The boards that are watched, over one connection.
 *
 * What it ensures: each listener sees its board's versions in order and without gaps, and the newest in the end. A
 * diff that does not follow from what is held makes it subscribe again, once; diffs that come while the answer is
 * on its way may well fit on top of it, and are tried then. Each new connection subscribes again to every board,
 * with the versions held, so that only boards that moved on are sent again.
 *
 * A board with seasons turns by itself, by the server's clock (see `board.js`), whether there is a connection or not. At
 * a turn all clients have the same reasons to ask: for a diff that does not follow from the empty board, and for the end
 * of the new season, where the server's own snapshot has not said it a good while later. So each waits a random time
 * before it asks, and does not ask if what it misses comes meanwhile.
 *
 * A spectator, a client without a player, may be turned away: then the boards are read over REST meanwhile.
 */
import { Outcome, Replica } from "./board.js";
import { Connection } from "./connection.js";
import { ServerClock } from "./clock.js";
import { BOARDS_LIMIT } from "./constants.js";
import { PodiumError } from "./error.js";
import { Polling } from "./polling.js";

/** Until a spectator who was turned away, and reads the boards meanwhile, tries again: from one minute to five. */
export const TURNED_AWAY_MS = [60_000, 300_000];

/** Milliseconds from one look at the clocks to the next: a laptop may have slept. A timer cannot be set for months. */
export const LOOK_MS = 60_000;
/** Milliseconds after a turn in which the server publishes the new season, before it begins to push it. */
export const PUBLISH_MS = 60_000;
/** The most diffs that are kept for a board, until the version that they follow from is there. */
const EARLY_LIMIT = 100;
/** The longest time for which a browser's timer can be set, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A board that is watched: its copy, its listeners, and what is asked of the server about it. */
class Topic {
  constructor(board, order) {
    this.board = board;
    this.replica = new Replica(order);
    this.listeners = new Set();
    this.counted = false; // whether the server may count it among the boards of this connection
    this.asked = null; // the deadline of a subscribe that has no answer yet
    this.early = []; // diffs that came while it had none, or at a turn, and do not follow from what is held
    /** @type {?{timer: any, isGap: boolean}} until it is asked for: for what is missing, or for the season's end */
    this.wait = null;
    this.inVain = false; // it was asked for after a wait, and the answer did not help
    this.isVague = false; // the clock by which the season ends may be wrong
    this.read = null; // what was read over REST since, and told
  }
}

export class Live {
  #clock;
  #random;
  #serverClock;
  #timer = null; // of the next look at the clocks
  #emit;
  #connection;
  #polling;
  #state = "offline"; // the last that was told
  #topics = new Map();
  #leaving = new Map(); // board -> the deadline of an unsubscribe that has no answer yet
  #broadcasts = []; // the promises of broadcasts that have no answer yet, oldest first

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {typeof WebSocket} options.WebSocket
   * @param {import("./clock.js").Clock} options.clock
   * @param {() => number} options.random from 0 to 1
   * @param {(event: string, value: unknown) => void} options.emit told `state`, `announcement`, `avatar` and `error`
   * @param {(options: {fresh: boolean}) => Promise<?string>} options.token see `Connection`, as is `onRefused`
   * @param {() => Promise<unknown>} options.onRefused
   * @param {(board: string) => Promise<{version: number, size: number, entries: object[]}>} options.read reads a board
   *   over REST
   */
  constructor({ url, token, WebSocket, clock, random, emit, onRefused, read }) {
    this.#clock = clock;
    this.#random = random;
    this.#serverClock = new ServerClock(clock);
    this.#emit = emit;
    this.#polling = new Polling({
      clock,
      boards: () => [...this.#topics.keys()],
      read,
      onPage: (board, page) => this.#readOver(board, page),
      onChange: (isAnswered) => {
        this.#tellState();
        // It was down rather than full, perhaps.
        if (isAnswered) this.#connection.nudge();
      },
    });
    this.#connection = new Connection({
      url,
      token,
      WebSocket,
      clock,
      random,
      versions: () => versionsHeld(this.#topics.values()),
      onOpen: () => this.#opened(),
      onLost: () => this.#lost(),
      onFrame: (frame) => this.#received(frame),
      onState: () => this.#tellState(),
      onError: (error) => emit("error", error),
      onRefused,
      onTurnedAway: () => this.#polling.start(),
      pause: () => (this.#polling.isAnswered ? TURNED_AWAY_MS[0] + random() * (TURNED_AWAY_MS[1] - TURNED_AWAY_MS[0]) : null),
    });
  }

  /** @returns {import("../podium.js").State} */
  get state() {
    const { state } = this.#connection;
    return state === "reconnecting" && this.#polling.isAnswered ? "polling" : state;
  }

  start() {
    this.#connection.start();
  }

  /** Disconnects; the boards that are watched stay, for the next `start`. */
  stop() {
    this.#connection.stop();
    this.#polling.stop();
  }

  /** Disconnects for good: no board turns any more. */
  close() {
    this.stop();
    this.#clock.clearTimeout(this.#timer);
  }

  nudge() {
    this.#connection.nudge();
  }

  /** Milliseconds since the epoch, by the server's clock as far as it is known. */
  get now() {
    return this.#serverClock.now;
  }

  /** Turns the boards whose season has ended; and asks again where the clock may have stood still. */
  look() {
    const topics = [...this.#topics.values()];
    if (this.#serverClock.hasJumped()) {
      const seasonal = topics.filter(({ replica }) => replica.season !== null);
      for (const topic of seasonal) topic.isVague = true;
      this.#ask(seasonal.filter(({ asked }) => !asked));
    }
    for (const topic of topics) {
      if (!topic.replica.turn(this.now)) continue;
      topic.read = null;
      this.#tell(topic, "snapshot", []);
      this.#plan(topic);
    }
    this.#schedule();
  }

  /** Whether a board is watched. */
  get busy() {
    return this.#topics.size > 0;
  }

  /**
   * @returns {() => void} stops watching
   * @throws {PodiumError} `TooManyBoards`
   */
  watch(board, order, listener) {
    this.look();
    let topic = this.#topics.get(board);
    const tell = (update) => listener(update); // a new function: the same listener may watch twice
    if (topic) {
      topic.listeners.add(tell);
      if (topic.read) this.#tellRead(topic, [tell]);
      else if (topic.replica.position) this.#tell(topic, "snapshot", [], [tell]);
    } else {
      if (this.#topics.size === BOARDS_LIMIT) {
        const message = `A client watches at most ${BOARDS_LIMIT} boards: stop watching one first.`;
        throw new PodiumError(message, { code: "TooManyBoards" });
      }
      topic = new Topic(board, order);
      topic.listeners.add(tell);
      this.#topics.set(board, topic);
      this.#ask([topic]);
      this.#polling.add(board);
    }
    return () => {
      if (topic.listeners.delete(tell) && topic.listeners.size === 0) this.#leave(topic);
    };
  }

  /** @returns {Promise<{delivered: number, failed: number}>} */
  broadcast(channel, message) {
    if (this.state !== "live") throw new PodiumError("There is no live connection.", { code: "NetworkError" });
    return new Promise((resolve, reject) => {
      this.#broadcasts.push({ resolve, reject });
      this.#connection.send({ action: "broadcast", channel, message });
    });
  }

  #tellState() {
    const { state } = this;
    if (state === this.#state) return;
    this.#state = state;
    this.#emit("state", state);
  }

  #opened() {
    this.#polling.stop();
    this.#serverClock.connected();
    this.#ask([...this.#topics.values()]);
  }

  #received(frame) {
    if (frame.now !== undefined) this.#serverClock.heard(frame.now);
    // A snapshot that has the new season needs no empty board before it.
    if (frame.type !== "snapshot") this.look();
    const topic = this.#topics.get(frame.board);
    switch (frame.type) {
      case "snapshot":
      case "current":
        if (topic) this.#answered(topic, frame);
        break;
      case "diff":
        if (topic) this.#changed(topic, frame);
        break;
      case "unsubscribed":
        for (const board of frame.boards) this.#left(board);
        break;
      case "broadcasted":
        this.#broadcasts.shift()?.resolve({ delivered: frame.delivered, failed: frame.failed });
        break;
      case "announcement":
      case "avatar":
        this.#emit(frame.type, frame);
        break;
      default:
        // An `error` frame; or API Gateway's own words for a handler that failed, which have no type.
        if (frame.message) this.#refused(new PodiumError(frame.message, { code: frame.code ?? "ServerError" }));
    }
  }

  #answered(topic, frame) {
    const { replica } = topic;
    const { endsAt } = replica;
    if (topic.asked) topic.inVain = true;
    this.#connection.forget(topic.asked);
    topic.asked = null;
    const isSnapshot = frame.type === "snapshot";
    if (isSnapshot) topic.isVague = false;
    const isNew = isSnapshot && replica.snapshot(frame) === Outcome.APPLIED;
    if (isNew || replica.endsAt !== endsAt || topic.read) {
      topic.read = null;
      this.#tell(topic, "snapshot", []);
    }
    this.#replay(topic);
    if (topic.isVague || (topic.early.length > 0 && !replica.turning)) {
      topic.early = [];
      this.#ask([topic]);
    }
    this.look(); // the season may have ended before its snapshot came
    this.#plan(topic);
  }

  #changed(topic, diff) {
    if (this.#apply(topic, diff) !== Outcome.RESYNC) this.#replay(topic);
    else if (topic.asked || topic.replica.turning) topic.early = [...topic.early, diff].slice(-EARLY_LIMIT);
    else this.#ask([topic]);
    this.#plan(topic);
  }

  #apply(topic, diff) {
    const { season } = topic.replica;
    const outcome = topic.replica.diff(diff);
    if (topic.replica.season !== season) this.#tell(topic, "snapshot", []);
    else if (outcome === Outcome.APPLIED) this.#tell(topic, "diff", diff.changes);
    return outcome;
  }

  /** Apply what came early and follows by now. */
  #replay(topic) {
    const early = topic.early.sort((a, b) => a.epoch - b.epoch || a.to - b.to);
    topic.early = early.filter((diff) => this.#apply(topic, diff) === Outcome.RESYNC);
  }

  /** Wait before asking for what all clients miss at a turn, or no longer where it has come. */
  #plan(topic) {
    const { replica, early, asked } = topic;
    if (asked || this.state !== "live" || !this.#topics.has(topic.board)) return;
    const isGap = early.length > 0;
    if (!isGap && replica.isTold) {
      topic.inVain = false;
      this.#cancel(topic);
      return;
    }
    if (topic.wait?.isGap === isGap) return;
    this.#cancel(topic);
    const spread = replica.spread * 1000;
    // The server publishes the season, and then the push takes half of its rate for itself.
    const pushed = isGap || replica.startsAt === null ? 0 : replica.startsAt + PUBLISH_MS + 2 * spread - this.now;
    const delay = Math.max(0, pushed, topic.inVain ? spread : 0) + this.#random() * spread;
    const timer = this.#clock.setTimeout(() => {
      topic.wait = null;
      this.#ask([topic]);
    }, Math.min(delay, LONGEST_TIMER_MS));
    topic.wait = { timer, isGap };
  }

  #cancel(topic) {
    this.#clock.clearTimeout(topic.wait?.timer);
    topic.wait = null;
  }

  /** Look again when the next season ends, or sooner. */
  #schedule() {
    this.#clock.clearTimeout(this.#timer);
    const seasonal = [...this.#topics.values()].filter(({ replica }) => replica.season !== null);
    if (seasonal.length === 0) return;
    const ends = seasonal.map(({ replica }) => (replica.endsAt ?? Infinity) - this.now);
    this.#timer = this.#clock.setTimeout(() => this.look(), Math.max(0, Math.ceil(Math.min(LOOK_MS, ...ends))));
  }

  #ask(topics) {
    if (this.state !== "live") return;
    const there = topics.filter(({ board }) => this.#topics.has(board) && !this.#leaving.has(board));
    // What is being left counts until the server says that it is.
    const counted = [...this.#topics.values()].filter((topic) => topic.counted).length;
    let room = BOARDS_LIMIT - this.#leaving.size - counted;
    const free = there.filter((topic) => topic.counted || room-- > 0);
    if (free.length === 0) return;
    for (const topic of free) {
      this.#cancel(topic);
      topic.counted = true;
      topic.asked = this.#connection.deadline();
    }
    const boards = free.map(({ board }) => board);
    // Of a board without them the whole is sent, which says when the season ends, and what time it is.
    const sure = free.filter(({ replica, isVague }) => replica.isTold && !isVague);
    this.#connection.send({ action: "subscribe", boards, versions: versionsHeld(sure) });
  }

  #leave(topic) {
    this.#topics.delete(topic.board);
    this.#cancel(topic);
    this.#schedule();
    // It may wait for its turn to be asked for.
    if (this.state !== "live" || !topic.counted) return;
    this.#connection.forget(topic.asked);
    this.#leaving.set(topic.board, this.#connection.deadline());
    this.#connection.send({ action: "unsubscribe", boards: [topic.board] });
  }

  // API Gateway runs the messages of one connection side by side: a subscribe sent before this answer might be
  // undone by the unsubscribe that went before it.
  #left(board) {
    this.#connection.forget(this.#leaving.get(board));
    this.#leaving.delete(board);
    this.#ask([...this.#topics.values()].filter((topic) => !topic.counted));
  }

  // The frame does not say what it answers. All that this client sends is well-formed, so where a broadcast is
  // waiting, it is the broadcast that was refused.
  #refused(error) {
    const broadcast = this.#broadcasts.shift();
    if (broadcast) broadcast.reject(error);
    else this.#emit("error", error);
    // The connection has outlived its token. The next one has a new token, and may broadcast.
    if (error.code === "token_expired") this.#connection.renew();
  }

  #lost() {
    this.#leaving.clear();
    for (const topic of this.#topics.values()) {
      topic.counted = false;
      topic.asked = null;
      topic.early = [];
      this.#cancel(topic);
    }
    for (const { reject } of this.#broadcasts.splice(0)) {
      reject(new PodiumError("The connection was lost before the answer came.", { code: "NetworkError" }));
    }
  }

  #readOver(board, page) {
    const topic = this.#topics.get(board);
    if (!topic) return;
    topic.read = page;
    this.#tellRead(topic);
  }

  #tellRead({ board, read: { entries, size, version, ...times }, listeners }, told = listeners) {
    this.#hand(told, { type: "snapshot", board, entries, size, epoch: null, version, changes: [], ...times });
  }

  #tell({ board, replica, listeners }, type, changes, told = listeners) {
    const { entries, size, position, season, startsAt, endsAt } = replica;
    const times = season === null ? {} : { season, startsAt, endsAt };
    this.#hand(told, { type, board, entries, size, ...position, changes, ...times });
  }

  #hand(told, content) {
    const update = { ...content, receivedAt: this.#clock.now() };
    for (const listener of told) {
      try {
        listener(update);
      } catch (error) {
        this.#emit("error", error); // one listener's fault must not keep the board from the others
      }
    }
  }
}

function versionsHeld(topics) {
  const held = [...topics].filter(({ replica }) => replica.position);
  return Object.fromEntries(held.map(({ board, replica }) => [board, replica.position]));
}
