/**
 * Scores on their way to the server, and those that wait for it.
 *
 * **Each score is stored before it is sent**, and removed only when its answer is there. So a score survives a network
 * that is down, a server that is busy, and a page that is reloaded or closed in the middle. Whichever page of this
 * browser comes next sends what it finds. A score is sent under its own idempotency key however often that takes, so
 * it counts once even where the answer to an earlier try was lost.
 *
 * **Scores are sent one after the other**, a player's own in the order in which they were made (an area that keeps the
 * latest needs it), each with the token of the player who made it and of no other. The scores of a player who has
 * signed out wait until the same player is signed in again.
 *
 * **What is tried again**: no answer, an answer that is not the API's, 401, 408, 425, 429, 502, 503 and 504. The next
 * try comes after what `Retry-After` asks for and a random time more, which grows with the failures in a row; or as
 * soon as the browser is online again, or the live connection is back. Any other 4xx of the API's is the server's
 * decision, and the score is dropped. A 500 is the answer to a caller who waits for it. A score without one is tried
 * again later, and meanwhile those of other areas go first: what is wrong may be wrong in this area alone. So it is with
 * a 429 that names a rule of its area, such as a player's submissions per minute: the score waits as long as it says.
 *
 * **A caller waits for the answer**, but not for long: after three failures in a row, or where no answer comes in its
 * time, or the server asks for more than ten seconds, it is told that the score is `queued`. So are all callers after
 * it, at once, until a score is answered again.
 *
 * **Bounds.** A score is dropped 20 hours after it was made, for the server forgets keys after 24, or at the end of its
 * run if that is earlier. Of more than 200 scores, or 256 KB, the oldest are dropped. Each drop is reported.
 *
 * **Tabs** that share a storage share the scores in it, each under a key of its own, so that no tab writes over what
 * another has just added. One tab sends at a time where the browser has Web Locks. Without them a score may be sent
 * twice, which its key makes one.
 *
 * @typedef {object} WaitingScore a score that could not be sent yet
 * @property {string} gameArea
 * @property {number} score
 * @property {number} [tiebreak]
 * @property {any} [metadata]
 * @property {string} [run] the ticket of its run
 * @property {string} key its idempotency key
 * @property {number} madeAt milliseconds since the epoch, by this machine's clock
 *
 * @typedef {WaitingScore & {state: "queued"}} Queued it waits
 * @typedef {WaitingScore & {state: "sent", best: number, improved: boolean, verdict: "accepted" | "held",
 *   boards: {gameArea: string, season?: number, points: number, improved: boolean}[]}} Sent the server has it, after it waited
 * @typedef {WaitingScore & {state: "dropped", error: PodiumError}} Dropped it is sent no more, and `error` says why:
 *   the server's refusal (`deleted` for a player who is gone, `season_over`, `no_attempts`, `run_expired`),
 *   `ScoreExpired`, or `TooManyScores`
 *
 * @typedef {(Queued | Sent | Dropped) & {player: string}} ScoreEvent what became of a score; `player` is the id of who
 *   made it
 */
import { ATTEMPTS, backoff, BACKOFF_CAP_MS, LONGEST_WAIT } from "./backoff.js";
import { IDEMPOTENCY_KEY, OFFLINE_MS } from "./constants.js";
import { PodiumError } from "./error.js";
import { alone } from "./locks.js";

/** The most scores that a storage keeps, of all its players. */
export const SCORES_LIMIT = 200;
/** The most characters that they take of the storage: browsers give an origin 5 million. */
const CHARACTERS_LIMIT = 256 * 1024;
/** Milliseconds: a server that asks for more time than this is asked again all the same. */
const LONGEST_PAUSE_MS = 60 * 60 * 1000;

/** Statuses that say nothing of the score: sent again, it may be taken. */
const PASSING = new Set([401, 408, 425, 429, 502, 503, 504]);

export class ScoreQueue {
  #api;
  #store;
  #prefix;
  #clock;
  #random;
  #locks;
  #onWaiting;
  #onScore;
  #onError;
  #callers = new Map(); // who waits for the answer to a score: `{entry, answer, resolve, reject}` by its place
  #found = new Set(); // the places of what an earlier page has left
  #told = ""; // the places that were in the last `onWaiting`
  /** @type {?string} the place of the score that is on its way */
  #sending = null;
  #failures = 0; // in a row
  #isStalled = false; // it has failed too often for callers to wait
  #resting = new Map(); // until when the scores of an area wait, over which the server failed or whose rule says so
  #restTimer = null; // until the first of them are tried again
  #timer = null; // until the next try
  #notBefore = 0; // the server asked to be left alone until then
  #isRunning = false;
  #isAsked = false;
  #isClosed = false;

  /**
   * @param {object} environment
   * @param {import("./api.js").Api} environment.api
   * @param {import("./storage.js").Store} environment.store
   * @param {string} environment.prefix of the storage's keys
   * @param {import("./clock.js").Clock} environment.clock
   * @param {() => number} environment.random from 0 to 1
   * @param {?LockManager} [environment.locks]
   * @param {(waiting: WaitingScore[]) => void} environment.onWaiting told the player's scores when others wait
   * @param {(event: ScoreEvent) => void} environment.onScore told what becomes of a score that no caller waits for
   * @param {(error: PodiumError) => void} environment.onError told what cannot be read
   */
  constructor({ api, store, prefix, clock, random, locks, onWaiting, onScore, onError }) {
    this.#api = api;
    this.#store = store;
    this.#prefix = prefix;
    this.#clock = clock;
    this.#random = random;
    this.#locks = locks;
    this.#onWaiting = onWaiting;
    this.#onScore = onScore;
    this.#onError = onError;
  }

  /** Take over what an earlier page has left, and send it. */
  start() {
    for (const entry of this.#stored()) this.#found.add(this.#place(entry));
    this.wake();
  }

  /** The scores of the player who is signed in that could not be sent yet, in the order in which they go. */
  get waiting() {
    return this.#waiting().map(shown);
  }

  /**
   * Send a score, or keep it until it can be sent.
   *
   * @param {string} player the id of who made it
   * @param {{gameArea: string, score: number, tiebreak?: number, metadata?: any, run?: string}} body
   * @param {string} key
   * @param {number} [expiresAt] milliseconds since the epoch, where its run ends before a score is too old
   * @returns {Promise<any>} the server's answer; `{queued: true}` with the score and its key where it waits
   * @throws {PodiumError} the server's refusal: the score is not kept
   */
  submit(player, body, key, expiresAt = Infinity) {
    const madeAt = this.#clock.now();
    const turn = 1 + Math.max(0, ...this.#all(player).map((other) => other.turn));
    const entry = { player, key, body, madeAt, until: Math.min(madeAt + OFFLINE_MS, expiresAt), turn, isQueued: false };
    const place = this.#place(entry);
    const before = this.#callers.get(place);
    if (before) return before.answer; // the same score, asked for twice at once
    const text = JSON.stringify(entry);
    if (text.length > CHARACTERS_LIMIT) throw tooLarge();
    this.#makeRoom(text.length);
    this.#store.set(place, text);
    const answer = new Promise((resolve, reject) => {
      this.#callers.set(place, { entry, resolve, reject });
    });
    this.#callers.get(place).answer = answer;
    if (this.#isStalled || this.#isClosed || this.#resting.has(body.gameArea)) this.#letGo(place);
    else this.#run();
    return answer;
  }

  /** Try now, unless the server has asked for more time: the network is back, or another player is signed in. */
  wake() {
    if (this.#clock.now() >= this.#notBefore) this.#endPause();
    this.#run();
    this.#tell();
  }

  /** Begin with another player as if nothing had failed. */
  playerChanged() {
    this.#failures = 0;
    this.wake();
    if (this.#timer === null) this.#isStalled = false;
  }

  /** Follow another tab's change. A key of null says that all was removed. */
  heard({ key, storageArea }) {
    if (storageArea === this.#store.area && (key === null || key.startsWith(this.#prefix))) this.#tell();
  }

  /**
   * Drop all that a player has made.
   *
   * @param {string | undefined} player
   * @param {PodiumError} error
   */
  drop(player, error) {
    for (const entry of this.#all(player)) this.#refuse(entry, error);
    this.#tell();
  }

  /** Send nothing more from this page. What waits is left for the next. */
  close() {
    this.#isClosed = true;
    this.#endPause();
    for (const place of [...this.#callers.keys()]) if (place !== this.#sending) this.#letGo(place);
  }

  async #run() {
    this.#isAsked = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      do this.#isAsked = false;
      while ((await this.#step()) || this.#isAsked);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Send a score, if one can be sent now; return whether there may be another. */
  async #step() {
    this.#dropExpired();
    const { player } = this.#api;
    for (const [place, { entry }] of this.#callers) if (entry.player !== player) this.#letGo(place);
    if (!this.#isReady(player)) return false;
    // Alone for one score, so that tabs take turns, and each has its own answers. Where another tab hangs, all go.
    await alone({ locks: this.#locks, clock: this.#clock }, `${this.#prefix}${player}`, async (isAlone) => {
      do await this.#sendNext(player);
      while (!isAlone && this.#isReady(player));
    });
    return true;
  }

  /** Whether a score of a player can be sent now. */
  #isReady(player) {
    const isFree = !this.#isClosed && this.#timer === null;
    return isFree && player !== undefined && player === this.#api.player && this.#next(player) !== undefined;
  }

  async #sendNext(player) {
    // Once more: the player may have changed, and another tab may have sent it.
    const entry = this.#api.player === player && this.#next(player);
    if (!entry) return;
    this.#sending = this.#place(entry);
    try {
      this.#judge(entry, await this.#api.send(player, "POST", "/score", entry.body, { [IDEMPOTENCY_KEY]: entry.key }));
    } catch (error) {
      // Also where no token is to be had, whatever Cognito's status: the score was not refused.
      if (error.code !== "SignedOut") this.#pause(error);
    } finally {
      this.#sending = null;
      this.#tell();
    }
  }

  #judge(entry, answer) {
    if (answer.ok && answer.body) {
      this.#isStalled = false;
      this.#failures = 0;
      const caller = this.#remove(entry);
      if (caller) caller.resolve(answer.body);
      else this.#onScore({ state: "sent", player: entry.player, ...shown(entry), ...answer.body });
      return;
    }
    if (answer.ok) {
      this.#pause(this.#api.noJson("POST", "/score", answer));
      return;
    }
    const error = this.#api.problem(entry.player, "POST", "/score", answer);
    // The API's refusals are JSON: one that is not comes from a portal or a filter on the way.
    const isApis = answer.status >= 500 || answer.body !== null;
    if (answer.status === 429 && error.rule) this.#restricted(entry, error);
    else if (PASSING.has(answer.status) || !isApis) this.#pause(error);
    else if (answer.status >= 500 && !this.#callers.has(this.#place(entry))) this.#rest(entry.body.gameArea);
    else if (error.code === "deleted") this.drop(entry.player, error);
    else this.#refuse(entry, error);
  }

  /**
   * Wait before the next try, whatever failed.
   *
   * @param {{code?: string, retryAfter?: number}} error
   */
  #pause({ code, retryAfter = 0 }) {
    const asked = Math.min(retryAfter * 1000, LONGEST_PAUSE_MS);
    this.#notBefore = this.#clock.now() + asked;
    const delay = asked + backoff(this.#failures, this.#random);
    this.#failures += 1;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = null;
      this.#run();
    }, delay);
    if (this.#failures < ATTEMPTS && retryAfter <= LONGEST_WAIT && code !== "TimeoutError") return;
    this.#isStalled = true;
    for (const place of [...this.#callers.keys()]) this.#letGo(place);
  }

  /** A clock that is never set. */
  get #monotonic() {
    return (this.#clock.monotonic ?? this.#clock.now)();
  }

  #endPause() {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
    for (const [area, { isAsked }] of this.#resting) if (!isAsked) this.#resting.delete(area);
    this.#endRest();
  }

  /**
   * Leave an area alone, whose rule allows no more for now.
   *
   * @param {{body: {gameArea: string}}} entry
   * @param {{retryAfter?: number}} error
   */
  #restricted({ body: { gameArea } }, { retryAfter }) {
    const asked = retryAfter === undefined ? BACKOFF_CAP_MS : Math.min(retryAfter * 1000, LONGEST_PAUSE_MS);
    this.#rest(gameArea, asked + backoff(0, this.#random), true);
    for (const [place, { entry }] of [...this.#callers]) if (entry.body.gameArea === gameArea) this.#letGo(place);
  }

  /**
   * Leave an area alone for a while.
   *
   * @param {string} area
   * @param {number} [delay] in milliseconds
   * @param {boolean} [isAsked] whether the server has asked for it
   */
  #rest(area, delay = BACKOFF_CAP_MS * (1 + this.#random()), isAsked = false) {
    this.#resting.set(area, { until: this.#monotonic + delay, isAsked });
    this.#scheduleRest();
  }

  /** Try those areas again whose time has come. */
  #endRest() {
    const now = this.#monotonic;
    for (const [area, { until }] of this.#resting) if (until <= now) this.#resting.delete(area);
    this.#scheduleRest();
  }

  #scheduleRest() {
    this.#clock.clearTimeout(this.#restTimer);
    this.#restTimer = null;
    if (this.#resting.size === 0 || this.#isClosed) return;
    const next = Math.min(...[...this.#resting.values()].map(({ until }) => until)) - this.#monotonic;
    this.#restTimer = this.#clock.setTimeout(() => {
      this.#endRest();
      this.#run();
    }, Math.max(0, Math.ceil(next)));
  }

  /** Tell a caller that the score waits. */
  #letGo(place) {
    const { entry, resolve } = this.#callers.get(place);
    this.#callers.delete(place);
    entry.isQueued = true;
    // Another tab may have sent it.
    if (this.#store.get(place) !== null) this.#store.set(place, JSON.stringify(entry));
    const { gameArea, score } = entry.body;
    resolve({ gameArea, score, queued: true, key: entry.key });
    this.#onScore({ state: "queued", player: entry.player, ...shown(entry) });
    this.#tell();
  }

  #refuse(entry, error) {
    const caller = this.#remove(entry);
    if (caller) caller.reject(error);
    else this.#onScore({ state: "dropped", player: entry.player, ...shown(entry), error });
  }

  /** Forget a score; return who waits for its answer. */
  #remove(entry) {
    const place = this.#place(entry);
    const caller = this.#callers.get(place);
    this.#callers.delete(place);
    this.#found.delete(place);
    this.#store.remove(place);
    return caller;
  }

  #dropExpired() {
    const now = this.#clock.now();
    for (const entry of this.#all()) {
      // One from far ahead was made by a clock that was wrong: how old it is cannot be known.
      const isTooOld = now >= entry.until || entry.madeAt - now > OFFLINE_MS;
      if (isTooOld && this.#place(entry) !== this.#sending) this.#refuse(entry, expired(entry));
    }
  }

  #makeRoom(length) {
    const kept = this.#all().sort((one, other) => one.madeAt - other.madeAt);
    let characters = kept.reduce((sum, entry) => sum + JSON.stringify(entry).length, length);
    while (kept.length >= SCORES_LIMIT || (characters > CHARACTERS_LIMIT && kept.length > 0)) {
      const oldest = kept.shift();
      characters -= JSON.stringify(oldest).length;
      if (this.#place(oldest) !== this.#sending) this.#refuse(oldest, tooMany(oldest));
    }
  }

  /** Return the score of a player whose turn it is. */
  #next(player) {
    return this.#all(player).find(({ body }) => !this.#resting.has(body.gameArea));
  }

  /**
   * Return the scores that are stored, and those whose callers wait though another tab has sent them.
   *
   * @param {string} [player] all players' unless told
   */
  #all(player) {
    const entries = new Map([...this.#callers].map(([place, { entry }]) => [place, entry]));
    for (const entry of this.#stored()) entries.set(this.#place(entry), entry);
    return [...entries.values()]
      .filter((entry) => player === undefined || entry.player === player)
      .sort((one, other) => one.turn - other.turn || one.madeAt - other.madeAt);
  }

  #waiting() {
    const { player } = this.#api;
    if (!player) return [];
    return this.#all(player).filter((entry) => entry.isQueued || this.#found.has(this.#place(entry)));
  }

  #stored() {
    const entries = [];
    for (const place of this.#store.keys(this.#prefix)) {
      const entry = parse(this.#store.get(place));
      if (isEntry(entry) && this.#place(entry) === place) {
        entries.push(entry);
        continue;
      }
      this.#store.remove(place);
      this.#onError(new PodiumError(DAMAGED, { code: "DamagedStorage" }));
    }
    return entries;
  }

  #place({ player, key }) {
    return `${this.#prefix}${player}.${key}`;
  }

  #tell() {
    const waiting = this.#waiting();
    const places = waiting.map((entry) => this.#place(entry)).join();
    if (places === this.#told) return;
    this.#told = places;
    this.#onWaiting(waiting.map(shown));
  }
}

const DAMAGED = "A score in this browser's storage cannot be read, and is lost.";

function expired(entry) {
  const message = `${named(entry)} could not be sent in time: it is not sent any more.`;
  return new PodiumError(message, { code: "ScoreExpired" });
}

function tooMany(entry) {
  const message = `${named(entry)} is not kept any more: at most ${SCORES_LIMIT} scores wait, and this was the oldest.`;
  return new PodiumError(message, { code: "TooManyScores" });
}

const tooLarge = () =>
  new PodiumError(`A score with its metadata has at most ${CHARACTERS_LIMIT} characters of JSON.`, { code: "ScoreTooLarge" });

const named = ({ body }) => `The score of ${body.score} in ${body.gameArea}`;

/** Return a score as games see it. */
const shown = ({ body, key, madeAt }) => ({ ...body, key, madeAt });

/** Whether a stored value has what the queue needs. What is in the body is for the server to judge. */
function isEntry(value) {
  const { player, key, body, madeAt, until, turn } = value ?? {};
  return [player, key].every(isText) && isObject(body) && [madeAt, until, turn].every(Number.isFinite);
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

const isText = (value) => typeof value === "string" && value !== "";

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
