/**
 * Podium for web games: sign in, submit scores, watch leaderboards move; progress, money, a shop and portraits.
 *
 *     import { Podium } from "./podium.js";
 *
 *     const podium = await Podium.connect("http://127.0.0.1:8000/client-config.json");
 *     await podium.playAsGuest();
 *     const unsubscribe = podium.subscribe("forest", ({ entries }) => draw(entries)); // before signing in: `watch`
 *     await podium.submitScore("forest", 1200);
 *     const { money } = await podium.addMoney(25, "pickup");
 *
 * No dependencies and no build step: serve this file and the `podium/` folder beside it. Everything it takes from
 * the browser (fetch, WebSocket, storage, timers) can be passed in, so it also runs in any other runtime.
 */
import { Api } from "./podium/api.js";
import { SYSTEM_CLOCK } from "./podium/clock.js";
import { PodiumError } from "./podium/error.js";
import { exchange } from "./podium/http.js";
import { Live } from "./podium/live.js";
import { makePortrait } from "./podium/portrait.js";
import { Rest } from "./podium/rest.js";
import { ScoreQueue, SCORES_LIMIT } from "./podium/scoreQueue.js";
import { claimsOf, Session } from "./podium/session.js";
import { Store } from "./podium/storage.js";

export { PodiumError };
export { apply, Outcome, ranked, Replica } from "./podium/board.js";

/** How often a merge is asked for in one call: the server answers after 20 seconds, and goes on by itself. */
const MERGE_ATTEMPTS = 6;

/** How many events wait for the first listener, where a page has to learn what came before it listened. */
const EARLY = { error: 10, score: SCORES_LIMIT };

/**
 * What a board's listener is given, each time with all of the board's entries in order.
 *
 * @typedef {object} Update
 * @property {"snapshot" | "diff"} type what made the board so
 * @property {string} board
 * @property {import("./podium/board.js").Entry[]} entries not to be changed
 * @property {number} size the most entries that the board shows
 * @property {?number} epoch null for a board that was read over REST, while the connection is `polling`
 * @property {number} version counts up by one within an epoch
 * @property {import("./podium/board.js").Change[]} changes of a diff; empty for a snapshot
 * @property {number} receivedAt milliseconds since the epoch, by this machine's clock
 * @property {number} [season] its number, on a board that has seasons. When it goes up, the board has begun again: at
 *   `endsAt`, by itself
 * @property {?number} [startsAt] when the season began, milliseconds since the epoch by the server's clock (`now`)
 * @property {?number} [endsAt] when it ends; null for some seconds after a turn, until the server has told it
 */

/**
 * The deployment's `client-config.json`: what a client uses of it.
 *
 * @typedef {object} Config
 * @property {string} region
 * @property {string} restUrl
 * @property {string} webSocketUrl
 * @property {string} userPoolClientId
 * @property {string} [cognitoEndpoint] where it is not AWS's own
 * @property {string} [hostedUiUrl] where players sign in with Google, if they can
 * @property {{contentTypes?: string[], maxBytes?: number}} [pictures] what a portrait can be made of
 * @property {{id: string, title: string, order: import("./podium/board.js").Order, areas: string[],
 *   season?: string}[]} boards
 */

/**
 * Stand-ins for what a browser has.
 *
 * @typedef {object} Environment
 * @property {import("./podium/storage.js").Storing | (() => ?import("./podium/storage.js").Storing)} [storage] where
 *   tokens and waiting scores are kept: `localStorage` unless told, and then all tabs of a browser have one player. With
 *   `() => sessionStorage` every tab has a player of its own. Memory stands in for a storage that is missing or refuses.
 * @property {typeof fetch} [fetch]
 * @property {number} [timeout] milliseconds that an answer may take, its body too: 30 000 unless told. Then the request
 *   is given up as a `TimeoutError`. API Gateway itself gives up after 29 seconds.
 * @property {typeof WebSocket} [WebSocket]
 * @property {import("./podium/clock.js").Clock} [clock]
 * @property {() => number} [random] from 0 to 1, for the jitter of reconnects
 * @property {?Pick<EventTarget, "addEventListener" | "removeEventListener">} [events] tells `online`, `pageshow`,
 *   `visibilitychange` and `storage`, as `window` does
 * @property {{location?: Location, history?: History}} [page] `window`, for the way to Google and back
 * @property {?LockManager} [locks] `navigator.locks`, so that one tab renews and sends at a time
 */

/**
 * @typedef {{id: string, username: string}} User a player; `id` is who the boards' entries name
 * @typedef {"offline" | "connecting" | "live" | "reconnecting" | "polling"} State the live connection's
 */

/**
 * What the listeners of each event are given.
 *
 * @typedef {object} Events
 * @property {State} state
 * @property {?User} user
 * @property {{type: "announcement", message: any}} announcement
 * @property {{type: "avatar", key: string, avatar?: string, face?: boolean, error?: string, message?: string}} avatar
 * @property {import("./podium/scoreQueue.js").WaitingScore[]} waiting
 * @property {import("./podium/scoreQueue.js").ScoreEvent} score
 * @property {PodiumError} error
 */

/**
 * @typedef {import("./podium/board.js").Entry} Entry
 * @typedef {import("./podium/rest.js").Accepted} Accepted
 * @typedef {import("./podium/rest.js").Kept} Kept
 * @typedef {import("./podium/rest.js").Catalogue} Catalogue
 * @typedef {import("./podium/rest.js").Profile} Profile
 * @typedef {import("./podium/rest.js").Progress} Progress
 * @typedef {import("./podium/rest.js").Reward} Reward
 * @typedef {import("./podium/rest.js").Run} Run
 * @typedef {import("./podium/rest.js").Season} Season
 * @typedef {import("./podium/scoreQueue.js").WaitingScore} WaitingScore
 * @typedef {import("./podium/scoreQueue.js").ScoreEvent} ScoreEvent
 */

/** A player's client: all of `Rest`'s methods, sign-in, and the boards live. */
export class Podium extends Rest {
  #transport;
  #session;
  #live;
  #orders;
  #events;
  #heard; // what the page listens to, by event
  #listeners = new Map();
  #early = new Map(); // what came before the first who listens to it, by event
  #watchers = new Set(); // those who called `watch`, and have not ended it
  #scores;
  /** @type {?Promise<Map<string, number>>} */
  #sizes = null; // how many entries boards show, once they were asked for
  #times = new Map(); // of the season that was read last of each board

  /**
   * @param {string | URL | Config | {restUrl: string}} config the deployment's `client-config.json`: its address, or
   *   what it says. Where that has no boards, as the output of a stack, the address is made of its `restUrl`.
   * @param {Environment} [environment] stand-ins for what a browser has
   * @returns {Promise<Podium>}
   * @throws {PodiumError} where the configuration cannot be had
   */
  static async connect(config, environment = {}) {
    if (hasBoards(config)) return Podium.#open(config, environment);
    const address = hasRestUrl(config) ? `${config.restUrl.replace(/\/+$/, "")}/client-config.json` : config;
    const url = new URL(address, globalThis.location?.href);
    const { ok, status, body } = await exchange(transportOf(environment), url);
    if (ok && body?.boards) return Podium.#open(body, environment);
    throw new PodiumError(`There is no client configuration at ${url} (${status}).`, { code: "HttpError", status });
  }

  static async #open(config, environment) {
    const podium = new Podium(config, environment);
    await podium.#session.comeBack();
    return podium;
  }

  /**
   * Use `Podium.connect`.
   *
   * @param {Config} config
   * @param {Environment} environment
   */
  constructor(config, environment) {
    const { WebSocket = globalThis.WebSocket, random = Math.random, events = globalThis } = environment;
    const { storage = () => globalThis.localStorage, locks = globalThis.navigator?.locks } = environment;
    const { page = globalThis } = environment;
    const transport = transportOf(environment);
    const { clock } = transport;
    const onUser = (user) => this.#userChanged(user);
    const onError = (error) => this.#emit("error", error);
    const store = new Store(storage, (cause) => {
      const message = "This browser stores nothing for this page: the player is forgotten when it is closed.";
      onError(new PodiumError(message, { code: "StorageRefused", cause }));
    });
    const session = new Session(config, { store, transport, clock, locks, page, onUser, onError });
    const api = new Api(config, { session, transport });
    const prefix = `podium.${config.userPoolClientId}.score.`;
    const onWaiting = (waiting) => this.#emit("waiting", waiting);
    const onScore = (score) => this.#emit("score", score);
    const scores = new ScoreQueue({ api, store, prefix, clock, random, locks, onWaiting, onScore, onError });
    super({ api, session, scores, clock, random });
    /** The client configuration. */
    this.config = config;
    this.#transport = transport;
    this.#session = session;
    this.#orders = new Map(config.boards.map(({ id, order }) => [id, order]));
    const emit = (event, value) => {
      this.#emit(event, value);
      if (event === "state" && value === "live") scores.wake(); // the server is there again
    };
    // Why a handshake was refused only REST can tell: a deleted player's session ends with the answer.
    const onRefused = () => this.profile();
    const token = async (options) => (session.user || this.#watchers.size === 0 ? session.token(options) : null);
    const read = (board) => this.#readBoard(board);
    this.#live = new Live({ url: config.webSocketUrl, token, WebSocket, clock, random, emit, onRefused, read });
    this.#scores = scores;
    scores.start();
    this.#session.follow();
    this.#events = events;
    // A page that comes back from the browser's cache has missed the storage events meanwhile.
    this.#heard = {
      online: () => {
        this.#live.nudge();
        scores.wake();
      },
      pageshow: () => {
        this.#session.follow();
        this.#live.look();
        scores.wake();
      },
      // In the background, timers may be late.
      visibilitychange: () => this.#live.look(),
      storage: (event) => {
        this.#session.heard(event);
        scores.heard(event);
      },
    };
    for (const [event, act] of Object.entries(this.#heard)) events?.addEventListener?.(event, act);
  }

  /**
   * The player; null when no player is signed in.
   *
   * @returns {?User}
   */
  get user() {
    return this.#session.user;
  }

  /**
   * The live connection: `connecting`, `live`, `reconnecting`, `polling` or `offline`. While it is `polling`, a client
   * without a player is not let in, and boards are read every 15 seconds; the connection is tried again now and then.
   *
   * @returns {State}
   */
  get state() {
    return this.#live.state;
  }

  /**
   * Milliseconds since the epoch, by the server's clock, as far as a board with seasons has told it; else by this
   * machine's. A season ends by it.
   *
   * @returns {number}
   */
  get now() {
    return this.#live.now;
  }

  /** @returns {boolean} whether the player is a guest, who has no e-mail address, and is lost with what this browser stores */
  get isGuest() {
    return this.#session.isGuest;
  }

  /**
   * The player's scores that could not be sent yet, in the order in which they will be.
   *
   * @returns {import("./podium/scoreQueue.js").WaitingScore[]}
   */
  get waitingScores() {
    return this.#scores.waiting;
  }

  /**
   * @param {string} username
   * @param {string} password
   * @param {string} [email]
   * @returns {Promise<{confirmed: boolean}>} an unconfirmed player calls `confirmSignUp` before `signIn`
   */
  signUp(username, password, email) {
    return this.#session.signUp(username, password, email);
  }

  /**
   * @param {string} username
   * @param {string} code from the message that Cognito sent
   * @returns {Promise<void>}
   * @throws {PodiumError} `email_taken`; `CodeMismatchException`; `ExpiredCodeException`
   */
  confirmSignUp(username, code) {
    return this.#session.confirmSignUp(username, code);
  }

  /**
   * Sends the code for `confirmSignUp` again.
   *
   * @param {string} username
   * @returns {Promise<{destination: ?string}>} where it was sent, as `a***@e***`
   */
  resendCode(username) {
    return this.#session.resendCode(username);
  }

  /**
   * @param {string} username the name, or the e-mail address once it is confirmed
   * @param {string} password
   * @returns {Promise<User>}
   */
  signIn(username, password) {
    return this.#session.signIn(username, password);
  }

  /**
   * Signs in under a random name that is kept in the storage: the same guest every time.
   *
   * @param {object} [options]
   * @param {boolean} [options.asNew] begin as a new guest: who played here before is lost, unless they can sign in
   * @returns {Promise<User>}
   * @throws {PodiumError} `guests_busy`: again in a minute; `guests_off`: the game takes none; `guest_upgraded`: the
   *   guest of this browser has an e-mail address now, and signs in with it
   */
  playAsGuest(options) {
    return this.#session.playAsGuest(options);
  }

  /**
   * Leaves the page for Google's. The player comes back to the same page, where `connect` signs them in and clears the
   * address bar; until then, and where it fails, the former player stays signed in. What goes wrong on the way is an
   * `error` event then: `google_refused`, `google_state` (begun elsewhere, or come back twice), `google_failed`.
   * Only where the configuration has a `hostedUiUrl`.
   *
   * @param {object} [options]
   * @param {string} [options.redirectUri] where to come back to, one of the stage's `callback_urls`: this page unless told
   * @returns {Promise<void>}
   * @throws {PodiumError} `google_off`; `InsecurePage`: not served over https; `StorageRefused`
   */
  signInWithGoogle(options) {
    return this.#session.signInWithGoogle(options);
  }

  /**
   * Asks for an e-mail address for the player, who stays the same: with it a guest becomes a player for good. Another
   * address takes the place of the old one only when it is confirmed. Called again, it sends another code.
   *
   * @param {string} email
   * @returns {Promise<{destination: ?string}>} where the code was sent, as `a***@e***`
   * @throws {PodiumError} `InvalidParameterException`: no e-mail address; `SignedOut`
   */
  addEmail(email) {
    return this.#session.addEmail(email);
  }

  /**
   * Confirms the address that `addEmail` asked for: from now on it can take the place of the name in `signIn`.
   *
   * @param {string} code from the message that Cognito sent
   * @returns {Promise<void>}
   * @throws {PodiumError} `email_taken`: another player has it; `CodeMismatchException`; `ExpiredCodeException`
   */
  confirmEmail(code) {
    return this.#session.confirmEmail(code);
  }

  /**
   * Gives a guest, or one who was, a password of their own in place of the one that this browser keeps.
   *
   * @param {string} password
   * @returns {Promise<void>}
   * @throws {PodiumError} `guest_password_lost`: once the e-mail address is confirmed, `forgotPassword` gives a new one;
   *   `InvalidPasswordException`
   */
  setPassword(password) {
    return this.#session.setPassword(password);
  }

  /** @returns {?string} the name of a guest who played in this browser before the player signed in, if there is one */
  get otherGuest() {
    return this.#session.otherGuest;
  }

  /**
   * Gives the player what that guest has: scores, money, items, unlocks. The guest is gone then, and scores of theirs
   * that still wait to be sent are dropped. Called again after an error, it goes on where it was.
   *
   * @returns {Promise<void>} when it is finished, which may take a minute
   * @throws {PodiumError} `no_guest`; `SignedOut`: also where another player signs in meanwhile; the server's refusal;
   *   `merge_running`: it is not finished yet, call again
   */
  async mergeGuest() {
    if (!this.user) throw new PodiumError("No player is signed in.", { code: "SignedOut" });
    const { id } = this.user;
    await this.#session.withOtherGuest(async (token) => {
      for (let attempt = 0; attempt < MERGE_ATTEMPTS; attempt++) {
        // The guest is this player's, not that of a player who signs in meanwhile.
        if (this.user?.id !== id) throw new PodiumError("Another player is signed in by now.", { code: "SignedOut" });
        const answer = await this.request("POST", "/account/merge", { token });
        if (answer?.state === "running") continue;
        this.#scores.drop(claimsOf(token).sub, new PodiumError("The guest who made it is gone.", { code: "deleted" }));
        return;
      }
      throw new PodiumError("The guest is still being taken over: call again in a minute.", { code: "merge_running" });
    });
  }

  /**
   * @param {string} old
   * @param {string} password
   * @returns {Promise<void>}
   * @throws {PodiumError} `NotAuthorizedException`: the old one is not right; `InvalidPasswordException`
   */
  changePassword(old, password) {
    return this.#session.changePassword(old, password);
  }

  /**
   * Sends a code with which `confirmForgotPassword` takes a new password.
   *
   * @param {string} username the name, or the e-mail address once it is confirmed
   * @returns {Promise<{destination: ?string}>} where it was sent, as `a***@e***`; also for a name that does not exist
   * @throws {PodiumError} `InvalidParameterException`: the player has no confirmed e-mail address
   */
  forgotPassword(username) {
    return this.#session.forgotPassword(username);
  }

  /**
   * @param {string} username
   * @param {string} code from the message that Cognito sent
   * @param {string} password the new one
   * @returns {Promise<void>} the player can sign in with the new password
   * @throws {PodiumError} `CodeMismatchException`; `ExpiredCodeException`; `InvalidPasswordException`
   */
  confirmForgotPassword(username, code, password) {
    return this.#session.confirmForgotPassword(username, code, password);
  }

  /** @returns {Promise<void>} */
  signOut() {
    return this.#session.signOut();
  }

  /**
   * Deletes the player, data and sign-in: nothing is left of them, and no player is signed in. On other devices the
   * next request is refused as `deleted`, and ends the session there.
   *
   * @returns {Promise<void>}
   */
  async deleteAccount() {
    await this.deleteProfile();
  }

  /**
   * Makes a portrait of a picture; it becomes the one that others see.
   *
   * @param {Blob} picture a file that the browser can read, which is scaled down; or else one that the server can,
   *   as the configuration's `pictures` says
   * @param {object} [options]
   * @param {string} [options.background] `none` leaves it as it is, `blur` blurs it, `#rrggbb` puts a colour there
   * @returns {Promise<{key: string, avatar: string, face: boolean}>} `avatar` is the portrait's key, for
   *   `portraitUrl`; `face` says whether the picture is framed around one
   * @throws {PodiumError} `UnsupportedPicture`; `PictureTooLarge`; `UploadRefused`; why no portrait can be made of the picture;
   *   `TimeoutError` when nothing was heard for 60 seconds, and the portrait may still come
   */
  async uploadPortrait(picture, { background = "none" } = {}) {
    if (this.user) this.#live.start();
    return makePortrait(this, this.#transport, picture, background);
  }

  /**
   * Lets boards be live without a player too: before the first sign-in, and after a sign-out. Such a connection can
   * follow boards, and nothing else. When a player signs in, the player's takes its place, and goes on with what is
   * held of each board.
   *
   * A server bounds such connections, or allows none. A client that it turns away reads its boards every 15 seconds: see `state`.
   *
   * @returns {() => void} ends it; a player's connection stays
   */
  watch() {
    const watcher = {};
    this.#watchers.add(watcher);
    this.#goLive();
    return () => {
      this.#watchers.delete(watcher);
      if (!this.user && this.#watchers.size === 0) this.#live.stop();
    };
  }

  /**
   * Watches a board live, by its id. The connection opens with the first board, once a player is
   * signed in or `watch` was called; it is one for all of them.
   *
   * @param {string} board
   * @param {(update: Update) => void} listener called at once where the board is held already
   * @returns {() => void} stops watching
   * @throws {PodiumError} `UnknownBoard`; `TooManyBoards` beyond what a connection may have (`BOARDS_LIMIT`)
   */
  subscribe(board, listener) {
    const order = this.#orders.get(board);
    if (!order) throw new PodiumError(`There is no board "${board}".`, { code: "UnknownBoard" });
    const unsubscribe = this.#live.watch(board, order, listener);
    this.#goLive();
    return unsubscribe;
  }

  /**
   * Sends a message to everyone on a channel (`all`, a board, or `user#<id>`). For the group `admins` only.
   *
   * @param {string} channel
   * @param {object} message
   * @returns {Promise<{delivered: number, failed: number}>} connections
   * @throws {PodiumError} the server's refusal, or `NetworkError` without a live connection
   */
  async broadcast(channel, message) {
    return this.#live.broadcast(channel, message);
  }

  /**
   * Listens to an event:
   * - `state`: the live connection's, a string as in `state`
   * - `user`: `{id, username}`, or null after a sign-out, when a session can be renewed no longer, or when the player
   *   was deleted, here or on another device. Also when another tab that shares the storage signs in or out
   * - `announcement`: the frame, with `message`
   * - `avatar`: the frame that says that the player's portrait is finished, or why there is none
   * - `waiting`: the player's scores that could not be sent yet, as in `waitingScores`, each time when others wait
   * - `score`: what becomes of a score that no call waits for (`ScoreEvent` of `scoreQueue.js`); its `state` is `queued`,
   *   `sent`, or `dropped` with the `error` that says why
   * - `error`: what went wrong outside of any call, such as `DamagedStorage`, `GuestLost`, `google_refused`
   *
   * The last ten errors before the first listener wait for it, and so do the scores.
   *
   * @template {keyof Events} E
   * @param {E} event
   * @param {(value: Events[E]) => void} listener
   * @returns {() => void} stops listening
   */
  on(event, listener) {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    const early = this.#early.get(event) ?? [];
    this.#early.delete(event);
    for (const value of early) listener(value);
    return () => listeners.delete(listener);
  }

  /** Reconnects now, where it would wait for its backoff. */
  reconnect() {
    this.#live.nudge();
  }

  /** Closes the live connection for good, and follows other tabs no longer. The player stays signed in. */
  close() {
    for (const [event, act] of Object.entries(this.#heard)) this.#events?.removeEventListener?.(event, act);
    this.#live.close();
    this.#scores.close();
  }

  #goLive() {
    if ((this.user || this.#watchers.size > 0) && this.#live.busy) this.#live.start();
  }

  async #readBoard(board) {
    // The configuration does not say how many entries a board shows.
    this.#sizes ??= this.catalogue().then(({ boards }) => new Map(boards.map(({ id, size }) => [id, size])));
    let size;
    try {
      size = (await this.#sizes).get(board);
    } catch (error) {
      this.#sizes = null;
      throw error;
    }
    const { version, entries, season } = await this.leaderboard(board, { limit: size });
    const times = season === undefined ? {} : await this.#timesOf(board, season);
    return { version, entries, size: size ?? entries.length, ...times }; // a board that is new since has no size here
  }

  /** Return when a season begins and ends, which a page of its board does not say. */
  async #timesOf(board, season) {
    if (this.#times.get(board)?.season !== season) {
      const { seasons } = await this.seasons(board);
      const { startsAt = null, endsAt = null } = seasons.find((one) => one.season === season) ?? {};
      this.#times.set(board, { season, startsAt, endsAt });
    }
    return this.#times.get(board);
  }

  #userChanged(user) {
    this.#live.stop();
    this.#emit("user", user);
    this.#scores.playerChanged();
    this.#goLive();
  }

  #emit(event, value) {
    const listeners = this.#listeners.get(event);
    if (!listeners && event in EARLY) {
      this.#early.set(event, [...(this.#early.get(event) ?? []), value].slice(-EARLY[event]));
    }
    for (const listener of listeners ?? []) {
      try {
        listener(value);
      } catch (error) {
        // A listener's fault is not the caller's: the sign-in that it hears about has happened, and other listeners hear about it too.
        (globalThis.reportError ?? console.error)(error);
      }
    }
  }
}

/** @type {(config: any) => config is Config} */
const hasBoards = (config) => Boolean(config.boards);

/** @type {(config: any) => config is {restUrl: string}} */
const hasRestUrl = (config) => Boolean(config.restUrl);

/**
 * Return what an exchange over HTTP takes: the environment's, or the browser's own.
 *
 * @param {Environment} environment
 * @returns {import("./podium/http.js").Transport}
 */
function transportOf({ fetch = (input, init) => globalThis.fetch(input, init), clock = SYSTEM_CLOCK, timeout }) {
  return { fetch, clock, timeout };
}
