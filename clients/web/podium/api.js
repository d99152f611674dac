import { PodiumError } from "./error.js";
import { exchange } from "./http.js";

/** One exchange with the REST API, as a player or as a visitor, and what its refusals mean. */
export class Api {
  #config;
  #session;
  #transport;

  /**
   * @param {{restUrl: string}} config
   * @param {{session: import("./session.js").Session, transport: import("./http.js").Transport}} environment
   */
  constructor(config, { session, transport }) {
    this.#config = config;
    this.#session = session;
    this.#transport = transport;
  }

  get root() {
    return this.#config.restUrl.replace(/\/+$/, "");
  }

  /** The id of the player who is signed in; undefined where there is none. */
  get player() {
    return this.#session.user?.id;
  }

  /**
   * Send a request as a player, or as a visitor; with a fresh token where the API does not take the one held.
   *
   * @param {string | undefined} player
   * @param {string} method
   * @param {string} path
   * @param {unknown} body
   * @param {Record<string, string>} headers
   * @returns {Promise<import("./http.js").Answer>}
   * @throws {PodiumError} where there is no answer; `SignedOut` where the player is no longer signed in
   */
  async send(player, method, path, body, headers) {
    const attempt = async (fresh) => {
      const authorization = player && { Authorization: `Bearer ${await this.#token(player, fresh)}` };
      const content = body !== undefined && { "Content-Type": "application/json" };
      return exchange(this.#transport, this.root + path, {
        method,
        headers: { ...content, ...authorization, ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    };
    const answer = await attempt(false);
    return answer.status === 401 && player ? attempt(true) : answer;
  }

  async #token(player, fresh) {
    const isPlayer = () => this.player === player;
    // Asked before, so that no token is renewed for another player; and after, for the renewal takes its time.
    const token = isPlayer() && (await this.#session.token({ fresh }));
    if (token && isPlayer()) return token;
    const message = this.#session.user ? "Another player is signed in by now." : "No player is signed in.";
    throw new PodiumError(message, { code: "SignedOut" });
  }

  /**
   * Return the error of an answer that refuses. A player who was deleted is signed out.
   *
   * @param {string | undefined} player
   * @param {string} method
   * @param {string} path
   * @param {import("./http.js").Answer} answer
   */
  problem(player, method, path, { status, body, retryAfter }) {
    const { title, detail, errors, version, rule, code = "HttpError" } = body ?? {};
    const { season, resetsAt, claimableAt, prize, rank } = body ?? {};
    const message = detail ?? title ?? `${method} ${path} was answered with ${status}.`;
    // The session is over, whatever its tokens are still good for.
    if (status === 410 && code === "deleted") this.#session.forget(player);
    const members = { season, resetsAt, claimableAt, prize, rank };
    return new PodiumError(message, { code, status, title, detail, errors, version, rule, retryAfter, ...members });
  }

  /** Return the error of a success whose body is cut off, or that a portal on the way made up. */
  noJson(method, path, { status }) {
    return new PodiumError(`${method} ${path} was answered with ${status}, but not with JSON.`, { code: "BadAnswer" });
  }
}
