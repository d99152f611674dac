import { PodiumError } from "./error.js";
import { exchange } from "./http.js";
import { randomText } from "./random.js";

/** A token is renewed when it has less than this left, so that it outlives the request that carries it. */
const RENEW_BEFORE_MS = 60_000;

/** Cognito's words for "sign in again": the refresh token is spent or revoked, or the player is gone. */
const REFUSALS = new Set(["NotAuthorizedException", "UserNotFoundException"]);

const GUEST_NAMES = ["badger", "comet", "falcon", "ferret", "heron", "ibex", "jaguar", "koala", "lynx", "marten"]
  .concat(["narwhal", "ocelot", "otter", "panda", "puffin", "raven", "sable", "tapir", "walrus", "wombat"]);

/**
 * Who is playing: sign-up, sign-in, guests, and an id token that is always good for a while yet.
 *
 * Speaks Cognito's JSON protocol with plain `fetch`. Tokens, and a guest's name and password, are kept in
 * `storage`; whoever shares it (two tabs of one browser share `localStorage`) shares the player.
 */
export class Session {
  #config;
  #storage;
  #transport;
  #clock;
  #onUser;
  #tokens;
  #renewal = null;

  /** @param {(user: ?{id: string, username: string}) => void} onUser told of each sign-in and sign-out */
  constructor(config, { storage, transport, clock, onUser }) {
    this.#config = config;
    this.#storage = storage;
    this.#transport = transport;
    this.#clock = clock;
    this.#onUser = onUser;
    this.#tokens = this.#load("session");
  }

  /** The player: `id` is the token's `sub`. Null when nobody is signed in. */
  get user() {
    return this.#tokens?.user ?? null;
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

  async playAsGuest() {
    const known = this.#load("guest");
    if (known) {
      try {
        return await this.#signIn(known.username, known.password, true);
      } catch (error) {
        // The guest is gone, with the emulator's data perhaps, or never got as far as being confirmed.
        if (!REFUSALS.has(error.code) && error.code !== "UserNotConfirmedException") throw error;
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
    this.#keep(null);
    // The player is signed out here in any case; a revocation that fails is only a token left to expire.
    if (refreshToken) await this.#cognito("RevokeToken", { Token: refreshToken }).catch(() => {});
  }

  /** Forgets a player who was deleted, a guest's name too. One who has signed in since, here or in a tab, stays. */
  forget(id) {
    if (this.user?.id !== id) return;
    const { guest, user } = this.#tokens;
    if (guest && this.#load("guest")?.username === user.username) this.#save("guest", null);
    if (this.#load("session")?.user.id === id) this.#save("session", null);
    this.#tokens = null;
    this.#onUser(null);
  }

  /**
   * An id token that has at least a minute left; `fresh` asks for a new one in any case.
   *
   * @throws {PodiumError} `SignedOut` when nobody is signed in; Cognito's refusal when the session is over, and
   *   then `user` is null; `NetworkError` and the like otherwise
   */
  async token({ fresh = false } = {}) {
    if (!this.#tokens) throw new PodiumError("Nobody is signed in.", { code: "SignedOut" });
    if (fresh || this.#clock.now() > this.#tokens.expiresAt - RENEW_BEFORE_MS) {
      this.#renewal ??= this.#renew().finally(() => (this.#renewal = null));
      await this.#renewal;
      return this.token(); // anew: the player may have signed out meanwhile
    }
    return this.#tokens.idToken;
  }

  async #renew() {
    const { refreshToken, guest } = this.#tokens;
    try {
      const result = await this.#authenticate("REFRESH_TOKEN_AUTH", { REFRESH_TOKEN: refreshToken });
      if (this.#isCurrent(refreshToken)) this.#keep(this.#read({ RefreshToken: refreshToken, ...result }, guest));
    } catch (error) {
      if (!REFUSALS.has(error.code)) throw error;
      if (!this.#isCurrent(refreshToken)) return;
      if (guest) {
        await this.playAsGuest();
        return;
      }
      this.#keep(null);
      throw error;
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

  #read({ IdToken, AccessToken, RefreshToken, ExpiresIn }, guest) {
    const claims = decodeClaims(IdToken);
    return {
      idToken: IdToken,
      accessToken: AccessToken,
      refreshToken: RefreshToken,
      expiresAt: this.#clock.now() + ExpiresIn * 1000,
      user: { id: claims.sub, username: claims["cognito:username"] },
      guest,
    };
  }

  #keep(tokens) {
    const before = this.user?.id;
    this.#tokens = tokens;
    this.#save("session", tokens);
    if (this.user?.id !== before) this.#onUser(this.user);
  }

  // By client id: a token of another deployment on the same origin is of no use here.
  #key(name) {
    return `podium.${this.#config.userPoolClientId}.${name}`;
  }

  #load(name) {
    return JSON.parse(this.#storage.getItem(this.#key(name)) ?? "null");
  }

  #save(name, value) {
    if (value === null) this.#storage.removeItem(this.#key(name));
    else this.#storage.setItem(this.#key(name), JSON.stringify(value));
  }
}

/** The claims of a JWT, unverified: the server is the one who must not trust it. */
function decodeClaims(token) {
  const base64 = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))));
}

function guestName() {
  const [pick] = crypto.getRandomValues(new Uint32Array(1));
  return `guest-${GUEST_NAMES[pick % GUEST_NAMES.length]}-${randomText(5)}`;
}

/** 24 random characters behind one of each kind that a strict password policy may ask for. */
function guestPassword() {
  return `aA1!${randomText(24)}`;
}
