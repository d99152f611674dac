/**
 * The REST API: each of its routes as a method.
 *
 * An action (money, a purchase, a reward, an unlock, a save) is sent with an idempotency key of its own. Where no
 * answer came (network error, timeout, 429, 5xx) it is sent again under the same key, three times in all. If there is
 * none even then, the error has the key as `idempotencyKey`: the action may have happened. A caller that tries again
 * hands the key in, and the action happens once, however often it is sent. The server keeps a player's keys for a day.
 * Reads and changes of the profile, which are the same twice, are sent again after a network error, a 429, 502,
 * 503 or 504; anything else after a 429, which has done nothing. Each waits as long as the server asks it to, and a
 * random time more: clients that were refused together do not come back together. A server that asks for more than ten
 * seconds is not waited for. So the waits of a call add up to 21.5 seconds at most, beside the time that its answers take.
 *
 * A score is kept beyond that, and sent when the server can be reached: see `scoreQueue.js`.
 *
 *     let key;
 *     button.onclick = async () => {
 *       try {
 *         await podium.addMoney(25, "pickup", { key });
 *         key = undefined;
 *       } catch (error) {
 *         key = error.idempotencyKey; // undefined where the server has decided: the next tap is another action
 *       }
 *     };
 *
 * @typedef {object} Once
 * @property {string} [key] the `idempotencyKey` of an earlier error of the same call; a new one unless told
 *
 * @typedef {import("./board.js").Entry} Entry
 *
 * @typedef {{gameArea: string, season?: number, points: number, improved: boolean}} Counted what the player has on a board
 *
 * @typedef {{gameArea: string, score: number, best: number, improved: boolean, verdict: "accepted" | "held",
 *   boards: Counted[], queued?: undefined}} Accepted the server has the score. `best` is what the player has in the area now. `improved` says whether this request made it; so in an
 *   area that keeps the best it is false where an earlier try did, whose answer was lost. `verdict` is `held` where a
 *   moderator decides first; then it is on no board yet. `boards` are those that it counts for, each in its season.
 *
 * @typedef {{gameArea: string, score: number, queued: true, key: string}} Kept the score waits to be sent
 *
 * @typedef {object} Run a ticket, which the score of one run is submitted with
 * @property {string} gameArea
 * @property {string} run the ticket itself
 * @property {number} seed a random number that all who know the run share
 * @property {number} startedAt milliseconds since the epoch by the server's clock, like `expiresAt`
 * @property {number} expiresAt
 * @property {number} [attemptsLeft] how many runs may be submitted, this one included, where they are limited
 * @property {number} receivedAt milliseconds since the epoch by this machine's clock
 *
 * @typedef {{season: number, startsAt: number, endsAt: number, state: "open" | "review" | "closed"}} Season times are
 *   milliseconds since the epoch by the server's clock. In review, prizes wait for moderators
 *
 * @typedef {{money: number, items: Record<string, number>}} Prize
 *
 * @typedef {object} Reward what a season that is over has brought the player
 * @property {string} gameArea the board's id
 * @property {number} season
 * @property {number} rank
 * @property {number} of how many players the season had
 * @property {Prize} prize
 * @property {number} claimableAt when the review is over, milliseconds since the epoch by the server's clock
 * @property {number} expiresAt until when it can be claimed
 * @property {boolean} claimed
 *
 * @typedef {object} Progress what the server keeps of a player
 * @property {number} level
 * @property {number} xp
 * @property {any} checkpoint the game's own, up to 8 KB of JSON
 * @property {number} version counts the saves of level, xp and checkpoint
 * @property {string[]} unlocked
 * @property {Record<string, string>} tasks the day (UTC, `2026-11-22`) of each task's last completion
 * @property {number} money
 * @property {Record<string, number>} inventory how many of each item
 *
 * @typedef {Progress & {bests: Record<string, number>}} ProgressWithBests with the points in each area, which an action
 *   does not answer with
 *
 * @typedef {{name: string, order: "desc" | "asc"}} Tiebreak what ranks equal scores, and which of it is better
 *
 * @typedef {{count: number, every: number | "season"}} Allowance `every` is in milliseconds
 *
 * @typedef {{write: "player" | "server", run: "off" | "optional" | "required", maxTime: number, attempts?: Allowance,
 *   submits?: Allowance}} Rules which scores an area takes; `maxTime` is in milliseconds
 *
 * @typedef {Prize & ({ranks: [number, number]} | {top: string})} Tier what some ranks of a season win; a rank wins the
 *   first that it fits
 *
 * @typedef {object} Catalogue what the game offers; `version` changes with it
 * @property {string} version
 * @property {{id: string, title: string, order: "desc" | "asc", min: number, max: number, keep: "best" | "sum" | "latest",
 *   tiebreak?: Tiebreak & {min: number, max: number}, metadata?: number, rules?: Rules}[]} areas where a player scores;
 *   `metadata` is how many bytes of JSON may come with a score
 * @property {{id: string, title: string, order: "desc" | "asc", areas: string[], size: number, tiebreak?: Tiebreak,
 *   season?: string, prizes?: Tier[]}[]} boards what is shown; `season` is the id of the seasons that it counts for
 * @property {{id: string, startsAt: number, grace: number, review: number, keep: number}[]} seasons by their ids, with the
 *   start of the first; `grace` and `review` are milliseconds, `keep` is how many past ones can be read
 * @property {{xp: number[]}} levels the xp with which level 1, level 2, … begins
 * @property {{id: string, title: string, requires?: object, money: number, xp: number, repeat: "once" | "daily"}[]} tasks
 * @property {{id: string, title: string, level: number, price: number, requires: string[]}[]} unlocks
 * @property {{id: string, title: string, price: number, unique: boolean, requires?: string}[]} shop
 *
 * @typedef {object} Profile
 * @property {string} userId
 * @property {string} name
 * @property {?string} avatar the key of the portrait that others see
 * @property {string[]} portraits the keys of the player's own portraits
 * @property {?string} portraitProblem why the last picture uploaded could not be used
 * @property {?number} createdAt milliseconds since the epoch, like `updatedAt`
 * @property {?number} updatedAt
 */
import { ATTEMPTS, backoff, LONGEST_WAIT } from "./backoff.js";
import { IDEMPOTENCY_KEY } from "./constants.js";
import { PodiumError } from "./error.js";
import { randomText } from "./random.js";

/** 100 random bits. */
const KEY_LENGTH = 20;

/** 4xx that come from before the action: whether an earlier try of it has happened, they do not say. */
const NOT_THE_ACTIONS = new Set([401, 403, 408, 425, 429]);

export class Rest {
  #api;
  #session;
  #scores;
  #clock;
  #random;

  /**
   * @param {object} environment
   * @param {import("./api.js").Api} environment.api
   * @param {import("./session.js").Session} environment.session
   * @param {import("./scoreQueue.js").ScoreQueue} environment.scores
   * @param {import("./clock.js").Clock} environment.clock
   * @param {() => number} environment.random from 0 to 1
   */
  constructor({ api, session, scores, clock, random }) {
    this.#api = api;
    this.#session = session;
    this.#scores = scores;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * Submits a score, in whole points. A score that cannot be sent now (no network, 429, 503) is no error: it is kept in
   * the storage, over a reload too, and sent later, once and as this player only. The answer is then `queued`,
   * after three tries, and the event `score` tells what becomes of it; see `scoreQueue.js`.
   * Scores go in the order in which they were submitted.
   *
   * @param {string} gameArea an area's id
   * @param {number} score
   * @param {object} [options]
   * @param {number} [options.tiebreak] needed where the area has a tie-break: the run's number of it
   * @param {any} [options.metadata] where the area takes some: JSON that is shown with the entry
   * @param {Run} [options.run] what `startRun` answered, needed where the area's rules require it. A score that waits is
   *   dropped when its run expires
   * @param {Once} [once] an area that adds scores up counts it once by its key
   * @returns {Promise<Accepted | Kept>}
   * @throws {PodiumError} 404: no such area; 422: outside the area's bounds, or against its rules (`rule` names it);
   *   `season_over`: the run's season is over for good (`season` is the open one); `no_attempts`: until `resetsAt`;
   *   `run_expired`; `SignedOut`: no player is signed in. The score is not kept.
   */
  async submitScore(gameArea, score, { tiebreak, metadata, run } = {}, { key = randomText(KEY_LENGTH) } = {}) {
    const { player } = this.#api;
    if (!player) throw new PodiumError("No player is signed in.", { code: "SignedOut" });
    // How long a run is good for does not depend on this machine's clock being right.
    const end = run ? run.receivedAt + (run.expiresAt - run.startedAt) : NaN;
    const expiresAt = Number.isFinite(end) ? end : undefined;
    const body = { gameArea, score, tiebreak, metadata, ...(run && { run: run.run }) };
    try {
      return await this.#scores.submit(player, body, key, expiresAt);
    } catch (error) {
      if (!isDecided(error)) error.idempotencyKey = key;
      throw error;
    }
  }

  /**
   * Begins a run: its score is submitted with it. A run counts for the season in which it began, if it is submitted
   * within the grace after that season's end. A run that is not submitted costs nothing.
   *
   * @param {string} gameArea an area's id
   * @returns {Promise<Run>}
   * @throws {PodiumError} `no_attempts`: none may be submitted until `resetsAt`; `SignedOut`
   */
  async startRun(gameArea) {
    if (!this.#api.player) throw new PodiumError("No player is signed in.", { code: "SignedOut" });
    const run = await this.request("POST", "/run", { gameArea }, { repeatable: true });
    return { gameArea, ...run, receivedAt: this.#clock.now() };
  }

  /**
   * What the game offers: areas, boards, levels, tasks, unlocks and the shop. The browser keeps it until it changes.
   *
   * @returns {Promise<Catalogue>}
   */
  catalogue() {
    return this.request("GET", "/catalogue");
  }

  /**
   * A page of a board of any length, read once. It begins at the rank `from`, or where `cursor`, the `nextCursor` of
   * the page before, says.
   *
   * @param {string} gameArea a board's id
   * @param {{limit?: number, cursor?: string, from?: number, season?: number}} [page] `season` is the open one unless told
   * @returns {Promise<{gameArea: string, season?: number, version: number, entries: Entry[], nextCursor: ?string}>}
   * @throws {PodiumError} 404: no such board, or season: those that can be read are in `seasons`
   */
  leaderboard(gameArea, { limit, cursor, from, season } = {}) {
    return this.request("GET", `/leaderboard${query({ gameArea, limit, cursor, from, season })}`);
  }

  /**
   * The seasons of a board that can be read, newest first.
   *
   * @param {string} gameArea a board's id
   * @returns {Promise<{gameArea: string, current: number, seasons: Season[]}>}
   * @throws {PodiumError} 404: no such board, or it has no seasons
   */
  seasons(gameArea) {
    return this.request("GET", `/seasons${query({ gameArea })}`);
  }

  /**
   * The prizes that the player has won in seasons that are over, claimed or not.
   *
   * @param {{limit?: number, cursor?: string}} [page] `cursor` is the `nextCursor` of the page before
   * @returns {Promise<{rewards: Reward[], nextCursor: ?string}>}
   */
  rewards({ limit, cursor } = {}) {
    return this.request("GET", `/rewards${query({ limit, cursor })}`);
  }

  /**
   * Claims the prize of a season: money and items are the player's then.
   *
   * @param {string} gameArea the board's id
   * @param {number} season
   * @param {Once} [once]
   * @returns {Promise<Progress & {gameArea: string, season: number, rank: number, of: number, prize: Prize}>}
   * @throws {PodiumError} `claimed`: with the `prize`; `in_review`: until `claimableAt`; `expired`; 404: there is none
   */
  claimReward(gameArea, season, once) {
    return this.#act("/rewards/claim", { gameArea, season }, once);
  }

  /**
   * The rank that points would have if they were reached now, behind equal ones, among `of` players. Needs no player.
   *
   * @param {string} gameArea
   * @param {number} score
   * @param {?number} [tiebreak] on a board that has one; without it the rank is behind all equal points
   * @param {{season?: number}} [options] the open season unless told
   * @returns {Promise<{gameArea: string, season?: number, rank: number, of: number, top: number}>}
   */
  rankOf(gameArea, score, tiebreak, { season } = {}) {
    return this.request("GET", `/leaderboard/rank${query({ gameArea, score, tiebreak, season })}`);
  }

  /**
   * The player's own place among `of` players, and up to `around` neighbours on either side; `top` is the share of
   * the players down to this place, 0 to 1.
   *
   * @param {string} gameArea a board's id
   * @param {number} [around]
   * @param {{season?: number}} [options] the open season unless told
   * @returns {Promise<{gameArea: string, season?: number, rank: number, of: number, top: number, score: number,
   *   entries: Entry[]}>}
   * @throws {PodiumError} 404 without a score there
   */
  rank(gameArea, around, { season } = {}) {
    return this.request("GET", `/leaderboard/me${query({ gameArea, around, season })}`);
  }

  /** @returns {Promise<Profile>} the player's own */
  profile() {
    return this.request("GET", "/profile");
  }

  /**
   * Changes the name that others see, on every board too.
   *
   * @param {string} name 1 to 24 characters as people count them, at most 96 bytes of UTF-8
   * @returns {Promise<Profile>}
   * @throws {PodiumError} 422: not a name
   */
  rename(name) {
    return this.request("PUT", "/profile", { name });
  }

  /**
   * All that the server keeps of the player: rows as they are stored, what the user pool has, and addresses of the
   * pictures, which are good for ten minutes. Once a minute.
   *
   * @returns {Promise<{userId: string, exportedAt: number, account: Record<string, string>, player: ?object,
   *   profile: ?object, progress: ?object, standings: object[], pictures: {key: string, bytes: number,
   *   lastModified: number, url: string}[], connections: object[], answers: object[], leftOut: string[]}>} `leftOut`
   *   counts what was too much for one answer
   * @throws {PodiumError} 429: the last one was given a moment ago (`retryAfter` in seconds)
   */
  exportProfile() {
    return this.request("GET", "/profile/export");
  }

  /**
   * Deletes the player for good, data and sign-in, and forgets them here, a guest's name too.
   *
   * @returns {Promise<null>}
   */
  async deleteProfile() {
    const { player } = this.#api;
    const answer = await this.request("DELETE", "/profile");
    this.#scores.drop(player, new PodiumError("The player was deleted.", { code: "deleted" }));
    this.#session.forget(player);
    return answer;
  }

  /** @returns {Promise<ProgressWithBests>} */
  progress() {
    return this.request("GET", "/progress");
  }

  /**
   * Saves a game.
   *
   * @param {{level: number, xp: number, checkpoint: any, version: number}} save `version` is that of the progress
   *   that it was made from
   * @param {Once} [once]
   * @returns {Promise<Progress>}
   * @throws {PodiumError} 409: saved elsewhere since, and `version` is the stored one; 422: a leap, or too large
   */
  saveProgress({ level, xp, checkpoint, version }, once) {
    return this.#act("/progress", { level, xp, checkpoint, version }, once);
  }

  /**
   * @param {string} id
   * @param {Once} [once]
   * @returns {Promise<Progress & {id: string}>}
   * @throws {PodiumError} 404: no such thing; 409: its requirements are not met, or it is open already
   */
  unlock(id, once) {
    return this.#act("/unlock", { id }, once);
  }

  /**
   * @param {string} taskId
   * @param {Once} [once]
   * @returns {Promise<Progress & {taskId: string}>} with the reward
   * @throws {PodiumError} 404: no such task; 409: completed already, for today or for good, or
   *   something that it requires is missing (`rule` names it)
   */
  completeTask(taskId, once) {
    return this.#act("/task/complete", { taskId }, once);
  }

  /**
   * Adds money that the player earned.
   *
   * @param {number} amount whole, from 1
   * @param {string} reason one of the catalogue's, such as `pickup`
   * @param {Once} [once]
   * @returns {Promise<Progress & {amount: number, reason: string}>}
   * @throws {PodiumError} 422: no such reason, or above what it allows in a request or a day
   */
  addMoney(amount, reason, once) {
    return this.#act("/money/add", { amount, reason }, once);
  }

  /** @returns {Promise<{items: {itemId: string, title: string, price: number, unique: boolean, requires: ?string}[]}>} */
  shop() {
    return this.request("GET", "/shop");
  }

  /**
   * @param {string} itemId
   * @param {number} [quantity]
   * @param {Once} [once]
   * @returns {Promise<Progress & {itemId: string, quantity: number}>}
   * @throws {PodiumError} 402: not enough money; 404: no such item; 409: owned already, or what it requires is not
   *   open
   */
  buy(itemId, quantity = 1, once = {}) {
    return this.#act("/shop/buy", { itemId, quantity }, once);
  }

  /**
   * Chooses the portrait that others see, on every board too.
   *
   * @param {string} key one of the profile's `portraits`
   * @returns {Promise<Profile>}
   * @throws {PodiumError} 403 or 404: not one of them
   */
  choosePortrait(key) {
    return this.request("POST", "/avatar/update", { key });
  }

  /**
   * The address of a portrait, for an `<img>`.
   *
   * @param {string} key an entry's or a profile's `avatar`
   * @param {48 | 128 | 512} [size] pixels a side
   */
  portraitUrl(key, size = 128) {
    return `${this.#api.root}/avatar/view${query({ key, size })}`;
  }

  /**
   * Any request of the REST API; with the player's token, if a player is signed in.
   *
   * @param {string} method
   * @param {string} path from the API's root, with its query
   * @param {unknown} [body] sent as JSON
   * @param {object} [options]
   * @param {Record<string, string>} [options.headers] such as `Idempotency-Key`
   * @param {boolean} [options.repeatable] whether twice is the same as once: unless told, for everything but a POST
   *   without an `Idempotency-Key`
   * @returns {Promise<any>} the answer's JSON; null where it has none
   * @throws {PodiumError} what the API answered (`status`, `title`, `detail`, `errors`), `NetworkError`, or
   *   `TimeoutError`; `deleted` where the player was deleted, and then `user` is null; `SignedOut` where another player
   *   has signed in meanwhile: a request is only ever its own player's
   */
  async request(method, path, body, { headers = {}, repeatable } = {}) {
    const { player } = this.#api;
    const isHarmless = repeatable ?? (method !== "POST" || IDEMPOTENCY_KEY in headers);
    for (let failures = 0; ; ) {
      try {
        const answer = await this.#api.send(player, method, path, body, headers);
        if (answer.ok) return answer.body;
        throw this.#api.problem(player, method, path, answer);
      } catch (error) {
        const isUnanswered = error.code === "NetworkError" || [502, 503, 504].includes(error.status);
        if (error.status !== 429 && !(isUnanswered && isHarmless)) throw error;
        await this.#pause(player, ++failures, error);
      }
    }
  }

  /** Send a POST that must not happen twice; see the module's head. */
  async #act(path, body, { key = randomText(KEY_LENGTH) } = {}) {
    const { player } = this.#api;
    for (let failures = 0; ; ) {
      const sent = this.#api.send(player, "POST", path, body, { [IDEMPOTENCY_KEY]: key });
      /** @type {any} */
      const answer = await sent.catch((error) => ({ error }));
      if (answer.ok && answer.body) return answer.body;
      const error = answer.error ?? this.#failure(player, path, answer);
      if (isDecided(answer)) throw error;
      error.idempotencyKey = key;
      if (!isPassing(error)) throw error;
      await this.#pause(player, ++failures, error);
    }
  }

  /** Wait before a request is sent again. Throws its error where it is not to be. */
  async #pause(player, failures, error) {
    const { retryAfter = 0 } = error;
    if (failures === ATTEMPTS || retryAfter > LONGEST_WAIT) throw error;
    const delay = retryAfter * 1000 + backoff(failures - 1, this.#random);
    await /** @type {Promise<void>} */ (new Promise((resolve) => this.#clock.setTimeout(resolve, delay)));
    // A key belongs to one player, and so does a score: sent by the next one, this would be another.
    if (this.#api.player !== player) throw error;
  }

  #failure(player, path, answer) {
    return answer.ok ? this.#api.noJson("POST", path, answer) : this.#api.problem(player, "POST", path, answer);
  }
}

/** Whether a status says that the action was refused, and did not happen. */
function isDecided({ status }) {
  return status >= 400 && status < 500 && !NOT_THE_ACTIONS.has(status);
}

/** Whether the same request may have another outcome in a moment. */
function isPassing({ code, status }) {
  return ["NetworkError", "TimeoutError", "BadAnswer"].includes(code) || [408, 429].includes(status) || status >= 500;
}

function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null);
  const text = new URLSearchParams(given).toString();
  return text && `?${text}`;
}
