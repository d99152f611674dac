/**
 * The REST API: each of its routes as a method.
 *
 * Whatever gives or takes something (money, a purchase, a reward, an unlock, a save) is sent with an idempotency key
 * of its own, and sent again under the same key where no answer came: so it happens once, or the call fails.
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
 * @property {Record<string, number>} bests the best score an area
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
import { backoff } from "./backoff.js";
import { PodiumError } from "./error.js";
import { exchange } from "./http.js";
import { randomText } from "./random.js";

/** The board over all areas. */
export const GLOBAL = "global";

/** How often an action is sent in all, before a network error or a 503 is its outcome. */
const ATTEMPTS = 3;
/** 100 random bits. */
const KEY_LENGTH = 20;

export class Rest {
  #config;
  #session;
  #fetch;
  #clock;
  #random;

  constructor(config, { session, fetch, clock, random }) {
    this.#config = config;
    this.#session = session;
    this.#fetch = fetch;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * Submits a score, in whole points.
   *
   * @returns {Promise<{gameArea: string, score: number, best: number, improved: boolean}>}
   * @throws {PodiumError} 404: no such area; 422: outside the area's bounds
   */
  submitScore(gameArea, score) {
    return this.request("POST", "/score", { gameArea, score });
  }

  /**
   * A page of a board of any length, read once. `cursor` is the `nextCursor` of the page before.
   *
   * @returns {Promise<{gameArea: string, version: number, entries: object[], nextCursor: ?string}>}
   */
  leaderboard(gameArea, { limit, cursor } = {}) {
    if (gameArea === GLOBAL) return this.request("GET", `/leaderboard/global${query({ limit, cursor })}`);
    return this.request("GET", `/leaderboard${query({ gameArea, limit, cursor })}`);
  }

  /**
   * The player's own place, and up to `around` neighbours on either side.
   *
   * @returns {Promise<{gameArea: string, rank: number, score: number, entries: object[]}>}
   * @throws {PodiumError} 404 without a score there
   */
  rank(gameArea, around) {
    return this.request("GET", `/leaderboard/me${query({ gameArea, around })}`);
  }

  /** @returns {Promise<Profile>} the player's own */
  profile() {
    return this.request("GET", "/profile");
  }

  /**
   * Changes the name that others see, on every board too.
   *
   * @param {string} name 3 to 24 characters
   * @returns {Promise<Profile>}
   * @throws {PodiumError} 422: not a name
   */
  rename(name) {
    return this.request("PUT", "/profile", { name });
  }

  /** Deletes the player for good, data and sign-in, and forgets them here, a guest's name too. */
  async deleteProfile() {
    const player = this.#session.user?.id;
    const answer = await this.request("DELETE", "/profile");
    this.#session.forget(player);
    return answer;
  }

  /** @returns {Promise<Progress>} */
  progress() {
    return this.request("GET", "/progress");
  }

  /**
   * Saves a game.
   *
   * @param {{level: number, xp: number, checkpoint: any, version: number}} save `version` is that of the progress
   *   that it was made from
   * @returns {Promise<Progress>}
   * @throws {PodiumError} 409: saved elsewhere since, and `version` is the stored one; 422: a leap, or too large
   */
  saveProgress({ level, xp, checkpoint, version }) {
    return this.#act("/progress", { level, xp, checkpoint, version });
  }

  /**
   * @returns {Promise<Progress & {id: string}>}
   * @throws {PodiumError} 404: no such thing; 409: its requirements are not met, or it is open already
   */
  unlock(id) {
    return this.#act("/unlock", { id });
  }

  /**
   * @returns {Promise<Progress & {taskId: string}>} with the reward
   * @throws {PodiumError} 404: no such task; 409: completed already, for today or for good
   */
  completeTask(taskId) {
    return this.#act("/task/complete", { taskId });
  }

  /**
   * Adds money that the player earned.
   *
   * @param {number} amount whole, from 1
   * @param {string} reason one of the catalogue's, such as `pickup`
   * @returns {Promise<Progress & {amount: number, reason: string}>}
   * @throws {PodiumError} 422: no such reason, or above what it allows in a request or a day
   */
  addMoney(amount, reason) {
    return this.#act("/money/add", { amount, reason });
  }

  /** @returns {Promise<{items: {itemId: string, title: string, price: number, unique: boolean, requires: ?string}[]}>} */
  shop() {
    return this.request("GET", "/shop");
  }

  /**
   * @returns {Promise<Progress & {itemId: string, quantity: number}>}
   * @throws {PodiumError} 402: not enough money; 404: no such item; 409: owned already, or what it requires is not
   *   open
   */
  buy(itemId, quantity = 1) {
    return this.#act("/shop/buy", { itemId, quantity });
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
    return `${this.#root}/avatar/view${query({ key, size })}`;
  }

  /**
   * Any request of the REST API; with the player's token, if somebody is signed in.
   *
   * @param {string} method
   * @param {string} path from the API's root, with its query
   * @param {unknown} [body] sent as JSON
   * @param {object} [options]
   * @param {Record<string, string>} [options.headers] such as `Idempotency-Key`
   * @returns {Promise<any>} the answer's JSON; null where it has none
   * @throws {PodiumError} what the API answered (`status`, `title`, `detail`, `errors`), or `NetworkError`; `deleted`
   *   where the player was deleted, and then `user` is null
   */
  async request(method, path, body, { headers = {} } = {}) {
    const session = this.#session;
    const player = session.user?.id;
    const send = async (fresh) => {
      const authorization = session.user && { Authorization: `Bearer ${await session.token({ fresh })}` };
      const content = body !== undefined && { "Content-Type": "application/json" };
      return exchange(this.#fetch, this.#root + path, {
        method,
        headers: { ...content, ...authorization, ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    };
    let answer = await send(false);
    if (answer.status === 401 && session.user) answer = await send(true);
    if (answer.ok) return answer.body;
    const { title, detail, errors, version, code = "HttpError" } = answer.body ?? {};
    const message = detail ?? title ?? `${method} ${path} was answered with ${answer.status}.`;
    // The session is over, whatever its tokens are still good for.
    if (answer.status === 410 && code === "deleted") session.forget(player);
    throw new PodiumError(message, { code, status: answer.status, title, detail, errors, version });
  }

  get #root() {
    return this.#config.restUrl.replace(/\/+$/, "");
  }

  /** A POST that must not happen twice. */
  async #act(path, body) {
    const headers = { "Idempotency-Key": randomText(KEY_LENGTH) };
    const player = this.#session.user?.id;
    for (let failures = 0; ; ) {
      try {
        return await this.request("POST", path, body, { headers });
      } catch (error) {
        const unanswered = error.code === "NetworkError" || error.status === 503;
        if (!unanswered || ++failures === ATTEMPTS) throw error;
        await new Promise((resolve) => this.#clock.setTimeout(resolve, backoff(failures - 1, this.#random)));
        // A key belongs to one player: sent by the next one, this would be another action.
        if (this.#session.user?.id !== player) throw error;
      }
    }
  }
}

function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null);
  const text = new URLSearchParams(given).toString();
  return text && `?${text}`;
}
