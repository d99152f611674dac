import { PodiumError } from "./error.js";
import { exchange } from "./http.js";
import { randomText } from "./random.js";

/** Milliseconds for which a sign-in that was begun can come back. */
const ATTEMPT_MS = 3_600_000;
/** 160 random bits: no other page can guess which sign-in was begun here. */
const STATE_LENGTH = 32;
/** 320 random bits, in a text of a length that PKCE takes (43 to 128). */
const VERIFIER_LENGTH = 64;

const SCOPES = "openid email profile aws.cognito.signin.user.admin";
/** What Cognito's hosted pages add to the address that they lead back to. */
const ADDED = ["code", "state", "error", "error_description"];

/**
 * The way to Google and back, over Cognito's hosted pages: authorization code with PKCE (S256) and state.
 *
 *     page -> {hostedUiUrl}/oauth2/authorize -> Google -> page?code=…&state=… -> {hostedUiUrl}/oauth2/token -> tokens
 *
 * A sign-in that was begun is kept in the storage by its state until it comes back, once. A code that comes with
 * another state was begun elsewhere, perhaps by someone who wants the player to play in their account: it is refused.
 *
 * https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html
 */
export class Google {
  #config;
  #attempts;
  #transport;
  #clock;
  #page;

  /**
   * @param {object} environment
   * @param {{load: () => ?object, save: (value: ?object) => boolean}} environment.attempts what was begun, by state
   */
  constructor(config, { attempts, transport, clock, page }) {
    this.#config = config;
    this.#attempts = attempts;
    this.#transport = transport;
    this.#clock = clock;
    this.#page = page;
  }

  /** Leave the page for Google's. */
  async leave({ redirectUri = withoutQuery(this.#page.location.href) } = {}) {
    const { hostedUiUrl, userPoolClientId } = this.#config;
    if (!hostedUiUrl) throw new PodiumError("This game has no sign-in with Google.", { code: "google_off" });
    if (!globalThis.crypto.subtle) {
      throw new PodiumError("Signing in with Google takes a page that is served over https.", { code: "InsecurePage" });
    }
    const [state, verifier] = [randomText(STATE_LENGTH), randomText(VERIFIER_LENGTH)];
    const attempts = { ...this.#recent(), [state]: { verifier, redirectUri, at: this.#clock.now() } };
    if (!this.#attempts.save(attempts)) {
      const message = "This browser stores nothing for this page, which would not know the player who comes back.";
      throw new PodiumError(message, { code: "StorageRefused" });
    }
    const address = endpoint(hostedUiUrl, "authorize");
    const query = new URLSearchParams({
      identity_provider: "Google",
      response_type: "code",
      client_id: userPoolClientId,
      redirect_uri: redirectUri,
      scope: SCOPES,
      state,
      code_challenge: await challengeOf(verifier),
      code_challenge_method: "S256",
    });
    address.search = query.toString();
    this.#page.location.assign(address.href);
  }

  /**
   * Return Cognito's answer for the player who comes back, as `InitiateAuth` would give it; null where none does.
   *
   * @throws {PodiumError} `google_refused`: Google, Cognito or the player said no; `google_state`: it was begun
   *   elsewhere, or has come back before; `google_failed`: the code is not good any more; `NetworkError` and the like
   */
  async comeBack() {
    const { location, history } = this.#page;
    if (!this.#config.hostedUiUrl || !location) return null;
    const address = new URL(location.href);
    const [code, state, error, description] = ADDED.map((name) => address.searchParams.get(name));
    if (!state || !(code || error)) return null;
    // First of all: a reload, a bookmark and the history have no code then.
    for (const name of ADDED) address.searchParams.delete(name);
    history.replaceState(history.state, "", address.href);
    const recent = this.#recent();
    const attempt = Object.hasOwn(recent, state) ? recent[state] : null; // a forged state may be "constructor"
    const { [state]: _, ...others } = recent;
    this.#attempts.save(Object.keys(others).length ? others : null);
    if (!attempt) throw new PodiumError("This sign-in was begun elsewhere, or is over: begin again.", { code: "google_state" });
    if (error) throw new PodiumError(description || `Google says: ${error}.`, { code: "google_refused", detail: error });
    return this.#tokensFor(code, attempt);
  }

  async #tokensFor(code, { verifier, redirectUri }) {
    const { hostedUiUrl, userPoolClientId } = this.#config;
    const { ok, status, body } = await exchange(this.#transport, endpoint(hostedUiUrl, "token"), {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({
        grant_type: "authorization_code",
        client_id: userPoolClientId,
        code,
        redirect_uri: redirectUri,
        code_verifier: verifier,
      }).toString(),
    });
    if (!ok || !body) {
      const message = `The sign-in with Google could not be completed (${body?.error ?? status}): begin again.`;
      throw new PodiumError(message, { code: "google_failed", status, detail: body?.error });
    }
    return {
      IdToken: body.id_token,
      AccessToken: body.access_token,
      RefreshToken: body.refresh_token,
      ExpiresIn: body.expires_in,
    };
  }

  /** Return the sign-ins that may still come back. */
  #recent() {
    const since = this.#clock.now() - ATTEMPT_MS;
    return Object.fromEntries(Object.entries(this.#attempts.load() ?? {}).filter(([, { at }]) => at > since));
  }
}

function endpoint(hostedUiUrl, name) {
  return new URL(`${hostedUiUrl.replace(/\/+$/, "")}/oauth2/${name}`);
}

/** An address that Cognito knows has no query and no fragment. */
function withoutQuery(href) {
  return href.split(/[?#]/)[0];
}

/** https://www.rfc-editor.org/rfc/rfc7636#section-4.2 */
async function challengeOf(verifier) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const base64 = btoa(String.fromCharCode(...new Uint8Array(digest)));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
