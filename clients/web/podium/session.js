import { PodiumError } from "./error.js";
import { exchange } from "./http.js";
import { randomText } from "./random.js";
import { Store } from "./storage.js";

/** A token is renewed when it has less than this left, so that it outlives the request that carries it. */
const RENEW_BEFORE_MS = 60_000;

/** Milliseconds to wait for another tab that is renewing. After that both renew, which does no harm. */
const LOCK_MS = 10_000;

/** Cognito's words for "sign in again": the refresh token is spent or revoked, or the player is gone. */
const REFUSALS = new Set(["NotAuthorizedException", "UserNotFoundException"]);

const GUEST_NAMES = ["badger", "comet", "falcon", "ferret", "heron", "ibex", "jaguar", "koala", "lynx", "marten"]
  .concat(["narwhal", "ocelot", "otter", "panda", "puffin", "raven", "sable", "tapir", "walrus", "wombat"]);

/** What a stored text must be, by name. */
const SHAPES = { session: isSession, guest: isGuest };

/**
 * Who is playing: sign-up, sign-in, guests, and an id token that is always good for a while yet.
 *
 * Speaks Cognito's JSON protocol with plain `fetch`. Tokens, and a guest's name and password, are kept in a storage.
 *
 * **Tabs** that share a storage (two tabs of one browser share `localStorage`) share the player. A sign-in or a
 * sign-out in one is followed by the others at once, with a `user` event there, and the last sign-in wins. A renewal
 * reads the storage again before it writes, so it never brings back a player whom another tab has replaced. One tab
 * renews at a time where the browser has Web Locks, and the others take over what it got; without them each may renew.
 *
 * **A stored text that cannot be used** counts as none, is removed, and raises an `error` event:
 * `DamagedStorage` for a session, `GuestLost` for a guest. A tab whose player is signed in puts its own session there
 * instead.
 *
 * **A storage that refuses** is replaced by memory until the page is closed (see `Store`), and reported once, as
 * `StorageRefused`. A player who has signed in is then signed in all the same.
 */
export class Session {
  #config;
  #store;
  #transport;
  #clock;
  #locks;
  #onUser;
  #onError;
  #tokens = null; // before the first `follow`
  #renewal = null;

  /**
   * @param {object} config
   * @param {object} environment
   * @param {?LockManager} environment.locks
   * @param {(user: ?{id: string, username: string}) => void} environment.onUser called at each sign-in and sign-out
   * @param {(error: PodiumError) => void} environment.onError called for what goes wrong outside of any call
   */
  constructor(config, { storage, transport, clock, locks, onUser, onError }) {
    this.#config = config;
    this.#store = new Store(storage, (cause) => {
      const message = "This browser stores nothing for this page: the player is forgotten when it is closed.";
      onError(new PodiumError(message, { code: "StorageRefused", cause }));
    });
    this.#transport = transport;
    this.#clock = clock;
    this.#locks = locks;
    this.#onUser = onUser;
    this.#onError = onError;
  }

  /** The player: `id` is the token's `sub`. Null when no player is signed in. */
  get user() {
    return this.#tokens?.user ?? null;
  }

  /** Take over the session that is stored, if any: that of an earlier visit, or what another tab made of it. */
  follow() {
    this.#become(this.#load("session", this.#tokens));
  }

  /** Follow another tab's change, which the browser's `storage` event reports. A key of null says that all was removed. */
  heard({ key, storageArea }) {
    if (storageArea !== this.#store.area || ![null, this.#key("session")].includes(key)) return;
    this.#store.heed(this.#key("session"));
    this.follow();
  }

  async signUp(username, password, email) {
    const answer = await this.#cognito("SignUp", {
      Username: username,
      Password: password,
      UserAttributes: email ? [{ Name: "email", Value: email }] : [],
    });
    return { confirmed: answer.UserConfirmed };
  }

  async confirmSignUp(username, code) {
    await this.#cognito("ConfirmSignUp", { Username: username, ConfirmationCode: code });
  }

  async signIn(username, password) {
    return this.#signIn(username, password, false);
  }

  /** Alone: of two tabs that become guests at once, the second finds the first one's guest. */
  async playAsGuest() {
    return this.#alone(() => this.#playAsGuest());
  }

  async #playAsGuest() {
    const known = this.#load("guest");
    if (known) {
      try {
        return await this.#signIn(known.username, known.password, true);
      } catch (error) {
        // A guest that was never confirmed has never played.
        if (REFUSALS.has(error.code) && !isLockedOut(error)) this.#guestLost("is no longer known to the server", error);
        else if (error.code !== "UserNotConfirmedException") throw error;
      }
    }
    const guest = { username: guestName(), password: guestPassword() };
    this.#save("guest", guest);
    const { confirmed } = await this.signUp(guest.username, guest.password);
    if (!confirmed) await this.#confirmGuest(guest);
    return this.#signIn(guest.username, guest.password, true);
  }

  /** Forgets the tokens, and asks Cognito to revoke them. A guest's name stays, so that the same guest returns. */
  async signOut() {
    const refreshToken = this.#tokens?.refreshToken;
    this.#end();
    // The player is signed out here in any case; a revocation that fails is only a token left to expire.
    if (refreshToken) await this.#cognito("RevokeToken", { Token: refreshToken }).catch(() => {});
  }

  /** Forgets a player who was deleted, a guest's name too. One who has signed in since, here or in a tab, stays. */
  forget(id) {
    if (this.user?.id !== id) return;
    const { guest, user } = this.#tokens;
    if (guest && this.#load("guest")?.username === user.username) this.#save("guest", null);
    this.#end();
  }

  /** End this player's session here and in the storage; where another tab has a later player, follow it. */
  #end() {
    const { user } = this;
    const stored = this.#load("session", this.#tokens);
    if (stored && stored.user.id !== user?.id) this.#become(stored);
    else this.#keep(null);
  }

  /**
   * An id token that has at least a minute left; `fresh` asks for a new one in any case.
   *
   * @throws {PodiumError} `SignedOut` when no player is signed in; Cognito's refusal when the session is over, and
   *   then `user` is null; `NetworkError` and the like otherwise
   */
  async token({ fresh = false } = {}) {
    if (!this.#tokens) throw new PodiumError("No player is signed in.", { code: "SignedOut" });
    if (fresh || this.#clock.now() > this.#tokens.expiresAt - RENEW_BEFORE_MS) {
      this.#renewal ??= this.#renew().finally(() => (this.#renewal = null));
      await this.#renewal;
      return this.token(); // again: the player may have signed out meanwhile
    }
    return this.#tokens.idToken;
  }

  async #renew() {
    const { idToken } = this.#tokens;
    await this.#alone(async () => {
      this.follow();
      // Another tab has renewed it or changed the player, or this one has, while it waited for its turn.
      if (this.#tokens?.idToken !== idToken) return;
      const { refreshToken, guest } = this.#tokens;
      try {
        const result = await this.#authenticate("REFRESH_TOKEN_AUTH", { REFRESH_TOKEN: refreshToken });
        const renewed = this.#read({ RefreshToken: refreshToken, ...result }, guest);
        this.follow(); // a tab may have changed the player meanwhile
        if (this.#isCurrent(refreshToken)) this.#keep(renewed);
      } catch (error) {
        if (!REFUSALS.has(error.code)) throw error;
        this.follow();
        if (!this.#isCurrent(refreshToken)) return;
        if (guest) {
          await this.#playAsGuest();
          return;
        }
        this.#keep(null);
        throw error;
      }
    });
  }

  /** Act while no other tab does, where the browser can see to that. */
  async #alone(act) {
    if (!this.#locks) return act();
    let begun = false;
    const waiting = new AbortController();
    const timer = this.#clock.setTimeout(() => waiting.abort(), LOCK_MS);
    try {
      return await this.#locks.request(this.#key("lock"), { signal: waiting.signal }, () => {
        begun = true;
        this.#clock.clearTimeout(timer);
        return act();
      });
    } catch (error) {
      if (begun) throw error;
      return act(); // the other tab hangs, or the browser grants this page no locks
    } finally {
      this.#clock.clearTimeout(timer);
    }
  }

  #isCurrent(refreshToken) {
    return this.#tokens?.refreshToken === refreshToken;
  }

  async #confirmGuest({ username }) {
    if (!this.#config.cognitoEndpoint) {
      throw new PodiumError("This game does not let guests in: a new player has to be confirmed first.", {
        code: "UserNotConfirmedException",
      });
    }
    await this.confirmSignUp(username, "000000"); // the emulator takes any code
  }

  async #signIn(username, password, guest) {
    const result = await this.#authenticate("USER_PASSWORD_AUTH", { USERNAME: username, PASSWORD: password });
    this.#keep(this.#read(result, guest));
    return this.user;
  }

  async #authenticate(flow, parameters) {
    const answer = await this.#cognito("InitiateAuth", { AuthFlow: flow, AuthParameters: parameters });
    if (answer.AuthenticationResult) return answer.AuthenticationResult;
    throw new PodiumError(`Signing in asks for a further step (${answer.ChallengeName}) that this client lacks.`, {
      code: answer.ChallengeName,
    });
  }

  async #cognito(operation, parameters) {
    const { region, cognitoEndpoint, userPoolClientId } = this.#config;
    const { ok, status, body } = await exchange(
      this.#transport,
      cognitoEndpoint ?? `https://cognito-idp.${region}.amazonaws.com/`,
      {
        method: "POST",
        headers: {
          "Content-Type": "application/x-amz-json-1.1",
          "X-Amz-Target": `AWSCognitoIdentityProviderService.${operation}`,
        },
        body: JSON.stringify({ ClientId: userPoolClientId, ...parameters }),
      },
    );
    if (ok) return body;
    const code = body?.__type?.split("#").pop() ?? "HttpError";
    throw new PodiumError(body?.message ?? body?.Message ?? `Cognito answered ${status}.`, { code, status });
  }

  #read({ IdToken, RefreshToken, ExpiresIn }, guest) {
    const claims = claimsOf(IdToken);
    const tokens = {
      idToken: IdToken,
      refreshToken: RefreshToken,
      expiresAt: this.#clock.now() + ExpiresIn * 1000,
      user: { id: claims?.sub, username: claims?.["cognito:username"] },
      guest,
    };
    if (isSession(tokens)) return tokens;
    throw new PodiumError("Cognito answered without the tokens of a player.", { code: "BadAnswer" });
  }

  /** Store the session and take it over. One that cannot be stored leaves no other player's in the storage. */
  #keep(tokens) {
    const isStored = this.#save("session", tokens);
    if (!isStored && tokens?.user.id !== this.user?.id) this.#store.drop(this.#key("session"));
    this.#become(tokens);
  }

  #become(tokens) {
    const before = this.user?.id;
    this.#tokens = tokens;
    if (this.user?.id !== before) this.#onUser(this.user);
  }

  // By client id: a token of another deployment on the same origin is of no use here.
  #key(name) {
    return `podium.${this.#config.userPoolClientId}.${name}`;
  }

  /** Return what is stored under a name, or null. What cannot be used is replaced by `instead`. */
  #load(name, instead = null) {
    const text = this.#store.get(this.#key(name));
    if (text === null) return null;
    const value = parse(text);
    if (SHAPES[name](value)) return value;
    this.#save(name, instead);
    if (name === "guest") this.#guestLost("cannot be read from this browser's storage");
    else if (!instead) this.#onError(new PodiumError(DAMAGED, { code: "DamagedStorage" }));
    return instead;
  }

  #save(name, value) {
    const key = this.#key(name);
    return value === null ? this.#store.remove(key) : this.#store.set(key, JSON.stringify(value));
  }

  #guestLost(why, cause) {
    const message = `The guest who played here before ${why}: this is a new one.`;
    this.#onError(new PodiumError(message, { code: "GuestLost", cause }));
  }
}

const DAMAGED = "The session in this browser's storage cannot be read: sign in again.";

function isSession(value) {
  const { idToken, refreshToken, expiresAt, user } = value ?? {};
  if (![idToken, refreshToken, user?.id, user?.username].every(isText) || !Number.isFinite(expiresAt)) return false;
  return claimsOf(idToken)?.sub === user.id;
}

function isGuest(value) {
  return isText(value?.username) && isText(value?.password);
}

const isText = (value) => typeof value === "string" && value !== "";

/** Cognito locks an account out for a while after wrong passwords, from any client: its guest is not gone. */
const isLockedOut = ({ message }) => /attempts exceeded/i.test(message);

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Return the claims of a JWT, unverified (the server is the one who must not trust it); null where it is malformed. */
function claimsOf(token) {
  try {
    const base64 = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return parse(new TextDecoder().decode(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))));
  } catch {
    return null;
  }
}

function guestName() {
  const [pick] = crypto.getRandomValues(new Uint32Array(1));
  return `guest-${GUEST_NAMES[pick % GUEST_NAMES.length]}-${randomText(5)}`;
}

/** 24 random characters behind one of each kind that a strict password policy may ask for. */
function guestPassword() {
  return `aA1!${randomText(24)}`;
}
