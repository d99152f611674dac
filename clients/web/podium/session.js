import { Cognito, isConfirmedAlready, isOver, isRefused, isSpent, refusal, sentTo } from "./cognito.js";
import { GUESTS_OFF } from "./constants.js";
import { PodiumError } from "./error.js";
import { Google } from "./google.js";
import { alone } from "./locks.js";
import { newGuest } from "./newGuest.js";

/** A token is renewed when it has less than this left, so that it outlives the request that carries it. */
const RENEW_BEFORE_MS = 60_000;

/** How often a guest gets another name where one is taken. */
const NAME_ATTEMPTS = 3;

/** What a stored text must be, by name. */
const SHAPES = { session: isSession, guest: isGuest, google: isAttempts };

/**
 * Who is playing: sign-up, sign-in, guests and what becomes of them, and an id token that is always good for a while.
 *
 * Tokens, and a guest's name and password, are kept in a storage.
 *
 * **Tabs** that share a storage (two tabs of one browser share `localStorage`) share the player. A sign-in or a
 * sign-out in one is followed by the others at once, with a `user` event there, and the last sign-in wins. A renewal
 * reads the storage again before it writes, so it never brings back a player whom another tab has replaced. One tab
 * renews at a time where the browser has Web Locks, and the others take over what it got; without them each may renew.
 *
 * **A guest** is kept by name and password. One who confirms an e-mail address is a guest no more, and the storage
 * says so: when the session is lost, no new guest takes their place. They sign in with the address.
 *
 * **A stored text that cannot be used** counts as none, is removed, and raises an `error` event:
 * `DamagedStorage` for a session, `GuestLost` for a guest, or `DamagedStorage` while the guest is signed in: such a
 * guest plays on until the session is over. A tab whose player is signed in puts its own session there instead.
 *
 * **A storage that refuses** is replaced by memory until the page is closed (see `Store`), and reported once, as
 * `StorageRefused`. A player who has signed in is then signed in all the same.
 */
export class Session {
  #config;
  #store;
  #cognito;
  #clock;
  #locks;
  #onUser;
  #onError;
  #google;
  /** @type {any} null before the first `follow`, and while no player is signed in */
  #tokens = null;
  /** @type {?Promise<void>} */
  #renewal = null;

  /**
   * @param {object} config
   * @param {object} environment
   * @param {import("./storage.js").Store} environment.store
   * @param {import("./http.js").Transport} environment.transport
   * @param {import("./clock.js").Clock} environment.clock
   * @param {?LockManager} [environment.locks]
   * @param {{location?: Location, history?: History}} environment.page the browser's, for the way to Google and back
   * @param {(user: ?{id: string, username: string}) => void} environment.onUser called at each sign-in and sign-out
   * @param {(error: PodiumError) => void} environment.onError called for what goes wrong outside of any call
   */
  constructor(config, { store, transport, clock, locks, page, onUser, onError }) {
    this.#config = config;
    this.#store = store;
    this.#cognito = new Cognito(config, transport);
    this.#clock = clock;
    this.#locks = locks;
    this.#onUser = onUser;
    this.#onError = onError;
    const attempts = { load: () => this.#load("google"), save: (value) => this.#save("google", value) };
    this.#google = new Google(config, { attempts, transport, clock, page });
  }

  /**
   * The player: `id` is the token's `sub`. Null when no player is signed in.
   *
   * @returns {?{id: string, username: string}}
   */
  get user() {
    return this.#tokens?.user ?? null;
  }

  /** @returns {boolean} whether the player is a guest, who has no e-mail address and is lost with this browser's storage */
  get isGuest() {
    return this.#tokens?.guest ?? false;
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
    const answer = await this.#cognito.ask("SignUp", {
      Username: username,
      Password: password,
      UserAttributes: email ? [{ Name: "email", Value: email }] : [],
    });
    return { confirmed: answer.UserConfirmed };
  }

  async confirmSignUp(username, code) {
    try {
      await this.#cognito.ask("ConfirmSignUp", { Username: username, ConfirmationCode: code });
    } catch (error) {
      if (!isConfirmedAlready(error)) throw error; // the answer of an earlier try may have been lost
    }
  }

  async resendCode(username) {
    return this.#askForCode("ResendConfirmationCode", { Username: username });
  }

  async forgotPassword(username) {
    return this.#askForCode("ForgotPassword", { Username: username });
  }

  async confirmForgotPassword(username, code, password) {
    await this.#cognito.ask("ConfirmForgotPassword", { Username: username, ConfirmationCode: code, Password: password });
  }

  async #askForCode(operation, parameters) {
    const { CodeDeliveryDetails } = await this.#cognito.ask(operation, parameters);
    return sentTo(CodeDeliveryDetails);
  }

  async addEmail(email) {
    // To Cognito a blank address is the wish to have none.
    if (!email?.trim()) throw new PodiumError("An e-mail address is needed.", { code: "InvalidParameterException" });
    const access = await this.#access();
    const UserAttributes = [{ Name: "email", Value: email }];
    const { CodeDeliveryDetailsList: [sent] = [] } = await this.#cognito.askFor(access, "UpdateUserAttributes", { UserAttributes });
    await this.#alone(() => this.#change(access.user, (tokens) => ({ ...tokens, address: email })));
    return sentTo(sent);
  }

  async confirmEmail(code) {
    const access = await this.#access();
    try {
      await this.#cognito.askFor(access, "VerifyUserAttribute", { AttributeName: "email", Code: code });
    } catch (error) {
      // The answer of an earlier try may have been lost, and a code is good once.
      if (!isSpent(error) || !(await this.#isConfirmed(access))) throw error;
    }
    await this.#alone(() => {
      this.#change(access.user, ({ address, ...tokens }) => ({ ...tokens, guest: false }));
      this.#noGuestAnyMore(access.user);
    });
  }

  async setPassword(password) {
    const access = await this.#access();
    await this.#alone(async () => {
      const known = this.#load("guest");
      if (known?.username !== access.user.username || !known.password) {
        throw new PodiumError(PASSWORD_LOST, { code: "guest_password_lost" });
      }
      let cause;
      for (const old of passwordsOf(known)) {
        try {
          return await this.#changePassword(access, old, password);
        } catch (error) {
          if (!isRefused(error)) throw error;
          cause = error; // another device may have set it since
        }
      }
      throw new PodiumError(PASSWORD_LOST, { code: "guest_password_lost", cause });
    });
  }

  async changePassword(old, password) {
    const access = await this.#access();
    await this.#alone(() => this.#changePassword(access, old, password));
  }

  /** The name of the guest who is kept here and is not the player; null where there is none. */
  get otherGuest() {
    const known = this.#load("guest");
    return known && !known.upgraded && !known.isNew && known.username !== this.user?.username ? known.username : null;
  }

  /**
   * Hand an id token of that guest to `act`, and forget the guest when it is done. The token is kept until then: the
   * guest may be gone from the pool while the answer is lost, and what was begun is ended with the same token.
   */
  async withOtherGuest(act) {
    const username = this.otherGuest;
    if (!username) throw new PodiumError("There is no guest in this browser.", { code: "no_guest" });
    const { token, isGone } = await this.#tokenOfGuest(this.#load("guest"));
    const forget = () =>
      this.#alone(() => {
        if (this.#load("guest")?.username === username) this.#save("guest", null);
      });
    try {
      const done = await act(token);
      await forget();
      return done;
    } catch (error) {
      if (!isGone || error.status !== 422) throw error;
      // The token has expired, and there will be no other.
      await forget();
      throw guestGone(error);
    }
  }

  /**
   * Return a token, new unless the pool has no such guest any more.
   *
   * @param {any} guest as it is stored
   * @returns {Promise<{token: string, isGone: boolean}>}
   */
  async #tokenOfGuest({ token, ...known }) {
    for (const password of passwordsOf(known)) {
      try {
        const result = await this.#cognito.authenticate("USER_PASSWORD_AUTH", { USERNAME: known.username, PASSWORD: password });
        this.#save("guest", { ...known, token: result.IdToken });
        return { token: result.IdToken, isGone: false };
      } catch (error) {
        if (!isRefused(error)) throw error;
      }
    }
    if (token) return { token, isGone: true };
    this.#save("guest", null);
    throw guestGone();
  }

  async #changePassword(access, old, password) {
    const { username } = access.user;
    const known = this.#load("guest");
    const isKnown = known?.username === username && known.password;
    // Both are kept until the answer is there: a guest whose password is not known is lost. What the caller takes for
    // the old one may be wrong.
    const kept = passwordsOf(known ?? {}).includes(old) ? old : known?.password;
    if (isKnown) this.#save("guest", { ...known, password: kept, next: password });
    try {
      await this.#cognito.askFor(access, "ChangePassword", { PreviousPassword: old, ProposedPassword: password });
    } catch (error) {
      if (isKnown && error.status < 500) this.#save("guest", known);
      throw error;
    }
    if (isKnown) this.#save("guest", known.upgraded ? { username, upgraded: true } : { username, password });
  }

  /** @returns {Promise<any>} the player */
  async signIn(username, password) {
    return this.#signIn(username, password, false);
  }

  async signInWithGoogle(options) {
    await this.#google.leave(options);
  }

  /** Sign in the player who comes back from Google, if any. What goes wrong is an error event: no call has failed. */
  async comeBack() {
    try {
      const answer = await this.#google.comeBack();
      if (answer) this.#keep(this.#read(answer, { guest: false }));
    } catch (error) {
      // A copy of the page that came back, where the player is signed in, is no cause for alarm.
      if (error.code !== "google_state" || !this.user) this.#onError(error);
    }
  }

  /** Alone: of two tabs that become guests at once, the second finds the first one's guest. */
  async playAsGuest({ asNew = false } = {}) {
    return this.#alone(() => {
      if (asNew) return this.#newGuest();
      const known = this.#load("guest");
      // A guest whose password is lost is lost with the session, and not before.
      const isPlaying = known ? known.upgraded && this.user?.username === known.username : this.isGuest;
      return isPlaying ? this.user : this.#playAsGuest(known);
    });
  }

  async #playAsGuest(known = this.#load("guest")) {
    if (known) {
      try {
        return await this.#signInAsGuest(known);
      } catch (error) {
        if (isRefused(error) && known.upgraded) throw new PodiumError(UPGRADED, { code: "guest_upgraded", cause: error });
        // A guest who was never signed in, or never confirmed, has never played.
        if (isRefused(error)) known.isNew || this.#guestLost("is no longer known to the server", error);
        else if (error.code !== "UserNotConfirmedException") throw error;
      }
    }
    return this.#newGuest();
  }

  /** @param {any} guest as it is stored */
  async #signInAsGuest({ username, upgraded = false, ...known }) {
    let refused = new PodiumError(UPGRADED, { code: "NotAuthorizedException" });
    for (const password of passwordsOf(known)) {
      try {
        const user = await this.#signIn(username, password, !upgraded);
        if (known.isNew || known.next) this.#save("guest", { username, password, ...(!this.isGuest && { upgraded: true }) });
        return user;
      } catch (error) {
        if (!isRefused(error)) throw error;
        refused = error;
      }
    }
    throw refused;
  }

  async #newGuest() {
    const before = this.#load("guest");
    for (let attempt = 1; ; attempt++) {
      const guest = { ...newGuest(), isNew: true };
      this.#save("guest", guest); // the answer may be lost
      try {
        const { confirmed } = await this.signUp(guest.username, guest.password);
        if (!confirmed) throw refusal(GUESTS_OFF, 400);
      } catch (error) {
        if (error.status < 500) this.#save("guest", before);
        if (error.code === "UsernameExistsException" && attempt < NAME_ATTEMPTS) continue;
        throw error;
      }
      return this.#signInAsGuest(guest);
    }
  }

  /** Forgets the tokens, and asks Cognito to revoke them. A guest's name stays, so that the same guest returns. */
  async signOut() {
    const { refreshToken, user } = this.#tokens ?? {};
    const known = this.#load("guest");
    // The next guest here is a new one.
    if (known?.upgraded && known.username === user?.username) this.#save("guest", null);
    this.#end();
    // The player is signed out here in any case; a revocation that fails is only a token left to expire.
    if (refreshToken) await this.#cognito.ask("RevokeToken", { Token: refreshToken }).catch(() => {});
  }

  /** Forgets a player who was deleted, a guest's name too. One who has signed in since, here or in a tab, stays. */
  forget(id) {
    if (this.user?.id !== id) return;
    if (this.#load("guest")?.username === this.user?.username) this.#save("guest", null);
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
      const session = this.#tokens;
      const { refreshToken, user } = session;
      try {
        const result = await this.#cognito.authenticate("REFRESH_TOKEN_AUTH", { REFRESH_TOKEN: refreshToken });
        const renewed = this.#read({ RefreshToken: refreshToken, ...result }, session);
        this.follow(); // a tab may have changed the player meanwhile
        // Who has confirmed an address in the meantime is a guest no more.
        if (this.#isCurrent(refreshToken)) this.#keep({ ...renewed, guest: renewed.guest && this.isGuest });
      } catch (error) {
        if (!isOver(error)) throw error;
        this.follow();
        if (!this.#isCurrent(refreshToken)) return;
        if (await this.#signInAgain(user)) return;
        this.#keep(null);
        throw error;
      }
    });
  }

  /** Sign in a player whose session is over, where this browser has what it takes: a guest, or one who was. */
  async #signInAgain({ username }) {
    const known = this.#load("guest");
    if (!this.isGuest && !(known?.upgraded && known.username === username)) return false;
    try {
      return await this.#playAsGuest(known);
    } catch (error) {
      if (error.code === "guest_upgraded") return false;
      throw error;
    }
  }

  /** Act while no other tab does, where the browser can see to that. Where two do, it does no harm. */
  #alone(act) {
    return alone({ locks: this.#locks, clock: this.#clock }, this.#key("lock"), act);
  }

  #isCurrent(refreshToken) {
    return this.#tokens?.refreshToken === refreshToken;
  }

  async #signIn(username, password, guest) {
    const result = await this.#cognito.authenticate("USER_PASSWORD_AUTH", { USERNAME: username, PASSWORD: password });
    this.#keep(this.#read(result, { guest }));
    return this.user;
  }

  /** Change what is kept of a player's session, unless another has taken their place. */
  #change({ id }, change) {
    this.follow();
    if (this.user?.id === id) this.#keep(change(this.#tokens));
  }

  #noGuestAnyMore({ username }) {
    const known = this.#load("guest");
    if (known?.username === username && !known.upgraded) this.#save("guest", { ...known, upgraded: true });
  }

  /** Whether the player has the address that was asked for last. */
  async #isConfirmed(access) {
    const wanted = access.address?.toLowerCase();
    const { UserAttributes = [] } = await this.#cognito.askFor(access, "GetUser");
    const { email, email_verified: isVerified } = Object.fromEntries(UserAttributes.map(({ Name, Value }) => [Name, Value]));
    return isVerified === "true" && email?.toLowerCase() === wanted;
  }

  /** Return the player's session, with an access token that is good for a while: an earlier release stored none. */
  async #access() {
    await this.token();
    if (!this.#tokens.accessToken) await this.token({ fresh: true });
    return this.#tokens;
  }

  /**
   * Return the session of an answer. `address` is what the player would have as the e-mail address.
   *
   * @param {any} answer
   * @param {{guest: boolean, address?: string}} session
   */
  #read({ IdToken, AccessToken, RefreshToken, ExpiresIn }, { guest, address }) {
    const claims = claimsOf(IdToken);
    const user = { id: claims?.sub, username: claims?.["cognito:username"] };
    const tokens = {
      idToken: IdToken,
      accessToken: AccessToken,
      refreshToken: RefreshToken,
      expiresAt: this.#clock.now() + ExpiresIn * 1000,
      user,
      // Also where the answer to the confirmation was lost.
      guest: guest && !claims?.email_verified,
      ...(address && { address }),
    };
    if (guest && !tokens.guest) this.#noGuestAnyMore(user);
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
    if (name === "google") return null;
    if (name === "guest" && this.isGuest) this.#onError(new PodiumError(GUEST_DAMAGED, { code: "DamagedStorage" }));
    else if (name === "guest") this.#guestLost("cannot be read from this browser's storage");
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

const UPGRADED = "The guest of this browser has an e-mail address now: sign in with it.";
const PASSWORD_LOST =
  "This browser does not have the guest's password: once the e-mail address is confirmed, use forgotPassword.";
const GUEST_DAMAGED =
  "The guest's password in this browser's storage cannot be read: add an e-mail address, or the guest is lost with the session.";
const DAMAGED = "The session in this browser's storage cannot be read: sign in again.";

const guestGone = (cause) =>
  new PodiumError("The guest of this browser is no longer known to the server.", { code: "no_guest", cause });

function isSession(value) {
  const { idToken, refreshToken, expiresAt, user } = value ?? {};
  if (![idToken, refreshToken, user?.id, user?.username].every(isText) || !Number.isFinite(expiresAt)) return false;
  return claimsOf(idToken)?.sub === user.id;
}

function isGuest(value) {
  return isText(value?.username) && (isText(value.password) || value.upgraded === true);
}

function isAttempts(value) {
  return Object.values(value ?? [null]).every((one) => [one?.verifier, one?.redirectUri].every(isText));
}

const isText = (value) => typeof value === "string" && value !== "";

/** The passwords that a guest may have: a change whose answer was lost leaves two. */
const passwordsOf = ({ password, next }) => [password, next].filter(isText);

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Return the claims of a JWT, unverified (the server is the one who must not trust it); null where it is malformed. */
export function claimsOf(token) {
  try {
    const base64 = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return parse(new TextDecoder().decode(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))));
  } catch {
    return null;
  }
}
