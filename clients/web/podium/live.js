/**
 * The boards that are watched, over one connection.
 *
 * What it ensures: each listener sees its board's versions in order and without gaps, and the newest in the end. A
 * diff that does not follow from what is held makes it subscribe again, once; diffs that come while the answer is
 * on its way may well fit on top of it, and are tried then. Each new connection subscribes again to every board,
 * with the versions held, so that only boards that moved on are sent again.
 *
 * A spectator, a client without a player, may be turned away: then the boards are read over REST meanwhile.
 */
import { Outcome, Replica } from "./board.js";
import { Connection } from "./connection.js";
import { BOARDS_LIMIT } from "./constants.js";
import { PodiumError } from "./error.js";
import { Polling } from "./polling.js";

/** Until a spectator who was turned away, and reads the boards meanwhile, tries again: from one minute to five. */
export const TURNED_AWAY_MS = [60_000, 300_000];

/** A board that is watched: its copy, its listeners, and what is asked of the server about it. */
class Topic {
  constructor(board, order) {
    this.board = board;
    this.replica = new Replica(order);
    this.listeners = new Set();
    this.counted = false; // whether the server may count it among the boards of this connection
    this.asked = null; // the deadline of a subscribe that has no answer yet
    this.early = []; // diffs that came while it had none, and do not follow from what is held
    this.read = null; // what was read over REST since, and told
  }
}

export class Live {
  #clock;
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

  nudge() {
    this.#connection.nudge();
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
    this.#ask([...this.#topics.values()]);
  }

  #received(frame) {
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
    this.#connection.forget(topic.asked);
    topic.asked = null;
    const isNew = frame.type === "snapshot" && topic.replica.snapshot(frame) === Outcome.APPLIED;
    if (isNew || topic.read) {
      topic.read = null;
      this.#tell(topic, "snapshot", []);
    }
    const early = topic.early.sort((a, b) => a.to - b.to);
    topic.early = [];
    const outcomes = early.map((diff) => this.#apply(topic, diff));
    if (outcomes.includes(Outcome.RESYNC)) this.#ask([topic]);
  }

  #changed(topic, diff) {
    if (this.#apply(topic, diff) !== Outcome.RESYNC) return;
    if (topic.asked) topic.early.push(diff);
    else this.#ask([topic]);
  }

  #apply(topic, diff) {
    const outcome = topic.replica.diff(diff);
    if (outcome === Outcome.APPLIED) this.#tell(topic, "diff", diff.changes);
    return outcome;
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
      topic.counted = true;
      topic.asked = this.#connection.deadline();
    }
    const boards = free.map(({ board }) => board);
    this.#connection.send({ action: "subscribe", boards, versions: versionsHeld(free) });
  }

  #leave(topic) {
    this.#topics.delete(topic.board);
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

  #tellRead({ board, read: { entries, size, version }, listeners }, told = listeners) {
    this.#hand(told, { type: "snapshot", board, entries, size, epoch: null, version, changes: [] });
  }

  #tell({ board, replica, listeners }, type, changes, told = listeners) {
    const { entries, size, position } = replica;
    this.#hand(told, { type, board, entries, size, ...position, changes });
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
