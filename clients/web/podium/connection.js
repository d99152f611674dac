/**
 * One WebSocket, kept up for as long as it is wanted.
 *
 *     offline --start--> connecting --open--> live --closed, or silent--> reconnecting --backoff, open--> live
 *
 * A handshake, a ping or a request (see `deadline`) without an answer means a dead connection: whatever the socket
 * itself thinks, it is let go of and the next one begins.
 */
import { backoff } from "./backoff.js";
import { PING_MS, SUBPROTOCOL } from "./constants.js";
import { PodiumError } from "./error.js";

/** Milliseconds to wait for a handshake, a pong, or the answer to a request. */
export const ANSWER_MS = 10_000;
/** Milliseconds after which a connection counts as stable, and the failures before it are forgotten. */
export const STABLE_MS = 60_000;

/** A socket, or the attempt at one. Its timers end with it. */
class Link {
  /** @type {?WebSocket} */
  socket = null;
  spectator = false; // it has no token
  open = false;
  timers = new Set();
  /** @type {any} the timer of the next ping */
  ping = null;
  /** @type {any} the deadline of its pong */
  pong = null;
}

export class Connection {
  #options;
  #clock;
  /** @type {"offline" | "connecting" | "live" | "reconnecting"} */
  #state = "offline";
  /** @type {any} a `Link` while there is one; what is called on it otherwise is a fault */
  #link = null;
  #retry = null; // the timer of the next attempt
  #failures = 0; // in a row
  #refused = false; // the last handshake failed; perhaps for the token's sake
  #renewed = false; // … and a fresh one has been tried since a connection last opened
  #asked = false; // … in vain too, and REST has been asked why

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {(options: {fresh: boolean}) => Promise<?string>} options.token the player's, a new one if it must be
   *   `fresh`; null for a spectator
   * @param {typeof WebSocket} options.WebSocket
   * @param {import("./clock.js").Clock} options.clock
   * @param {() => number} options.random from 0 to 1
   * @param {() => object} options.versions the versions held, for a ping
   * @param {() => void} options.onOpen
   * @param {() => void} options.onLost
   * @param {(frame: object) => void} options.onFrame every frame but pongs
   * @param {(state: string) => void} options.onState
   * @param {(error: Error) => void} options.onError
   * @param {() => Promise<unknown>} options.onRefused asks REST, once an outage, whether the player is still let in
   * @param {() => void} options.onTurnedAway called after each handshake of a spectator that failed
   * @param {() => ?number} options.pause milliseconds until the next attempt; null for the backoff's
   */
  constructor(options) {
    this.#options = options;
    this.#clock = options.clock;
  }

  /** `connecting`, `live`, `reconnecting` or `offline` (not wanted). */
  get state() {
    return this.#state;
  }

  /** Connects, unless it has begun to already. */
  start() {
    if (this.#state !== "offline") return;
    this.#become("connecting");
    this.#connect();
  }

  /** Disconnects for good. */
  stop() {
    this.#cut();
    this.#failures = 0;
    this.#refused = this.#renewed = this.#asked = false;
    this.#become("offline");
  }

  /** Reconnects now rather than after the backoff; a connection that stands must prove that it is alive. */
  nudge() {
    if (this.#state === "live") this.#ping();
    else if (this.#retry !== null) this.#connect();
  }

  /** Replaces a connection that stands by one with the token of now. */
  renew() {
    if (this.#state !== "live") return;
    this.#become("reconnecting");
    this.#connect();
  }

  send(frame) {
    this.#link.socket.send(JSON.stringify(frame));
  }

  /** A timer that takes the connection for dead, unless `forget` is called within 10 seconds. */
  deadline() {
    return this.#after(ANSWER_MS, () => this.#failed());
  }

  forget(timer) {
    if (this.#link?.timers.delete(timer)) this.#clock.clearTimeout(timer);
  }

  async #connect() {
    this.#cut();
    const { url, token: tokenOf, WebSocket, onError } = this.#options;
    const link = (this.#link = new Link());
    // A browser does not say why a handshake failed: a refused token looks like a server that is down. One fresh
    // token an outage is enough to rule the token out.
    const fresh = this.#refused && !this.#renewed;
    try {
      const token = await tokenOf({ fresh });
      if (link !== this.#link) return;
      this.#renewed ||= fresh;
      link.spectator = token === null;
      link.socket = new WebSocket(url, token === null ? [SUBPROTOCOL] : [SUBPROTOCOL, token]);
    } catch (error) {
      if (link === this.#link) this.#failed();
      if (error.code !== "SignedOut") onError(error);
      return;
    }
    const current = (act) => (event) => link === this.#link && act(event);
    link.socket.onopen = current(() => this.#opened(link));
    link.socket.onmessage = current((event) => this.#received(event.data));
    link.socket.onclose = current(() => this.#failed(!link.open));
    this.deadline();
  }

  #opened(link) {
    this.#clearTimers(link);
    link.open = true;
    this.#refused = this.#renewed = this.#asked = false;
    this.#after(STABLE_MS, () => (this.#failures = 0));
    this.#schedulePing();
    this.#become("live");
    this.#options.onOpen();
  }

  #failed(refused = false) {
    const { random, pause, onTurnedAway } = this.#options;
    const { spectator, open } = this.#link;
    const isTurnedAway = spectator && !open;
    this.#cut();
    if (refused && !spectator) {
      if (this.#renewed && !this.#asked) this.#askWhy();
      this.#refused = true;
    }
    this.#retry = this.#clock.setTimeout(() => this.#connect(), pause() ?? backoff(this.#failures++, random));
    this.#become("reconnecting");
    if (isTurnedAway) onTurnedAway();
  }

  async #askWhy() {
    this.#asked = true;
    try {
      await this.#options.onRefused();
    } catch (error) {
      if (!error.status) this.#asked = false; // there was no answer
    }
  }

  /** Lets go of the connection and of all that waits on it. */
  #cut() {
    this.#clock.clearTimeout(this.#retry);
    this.#retry = null;
    const link = this.#link;
    this.#link = null;
    if (!link) return;
    this.#clearTimers(link);
    link.socket?.close();
    if (link.open) this.#options.onLost();
  }

  #received(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch (cause) {
      this.#options.onError(new PodiumError("The server sent a frame that is not JSON.", { code: "BadFrame", cause }));
      return;
    }
    if (frame.type === "pong") this.#ponged();
    else this.#options.onFrame(frame);
  }

  #ping() {
    const link = this.#link;
    if (link.pong) return;
    this.forget(link.ping);
    link.pong = this.deadline();
    this.send({ action: "ping", versions: this.#options.versions() });
  }

  #ponged() {
    const link = this.#link;
    if (!link.pong) return;
    this.forget(link.pong);
    link.pong = null;
    this.#schedulePing();
  }

  #schedulePing() {
    this.#link.ping = this.#after(PING_MS, () => this.#ping());
  }

  #after(delay, act) {
    const { timers } = this.#link;
    const timer = this.#clock.setTimeout(() => {
      timers.delete(timer);
      act();
    }, delay);
    timers.add(timer);
    return timer;
  }

  #clearTimers({ timers }) {
    for (const timer of timers) this.#clock.clearTimeout(timer);
    timers.clear();
  }

  #become(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onState(state);
  }
}
