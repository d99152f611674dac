/** Stand-ins for what a browser has: a clock that is moved by hand, sockets and HTTP answers under control. */
import { createHash } from "node:crypto";

import { Podium } from "../../../clients/web/podium.js";

export const CONFIG = {
  region: "eu-central-1",
  restUrl: "http://podium.test/",
  webSocketUrl: "ws://podium.test/live",
  userPoolClientId: "client",
  gameAreas: [
    { id: "forest", title: "Forest", order: "desc" },
    { id: "sprint", title: "Sprint", order: "asc" },
  ],
  boards: [
    { id: "forest", title: "Forest", order: "desc", areas: ["forest"] },
    { id: "sprint", title: "Sprint", order: "asc", areas: ["sprint"] },
    { id: "global", title: "All areas", order: "desc", areas: ["forest"] },
    { id: "forest-week", title: "Forest, this week", order: "desc", areas: ["forest"], season: "weekly" },
  ],
};

export const HOSTED = "https://podium.auth.test";

export class FakeClock {
  #time = 1_763_812_800_000;
  #ahead = 0; // the wall clock
  #timers = new Map();
  #last = 0;

  now = () => this.#time + this.#ahead;
  monotonic = () => this.#time - 1_763_812_000_000;
  clearTimeout = (timer) => this.#timers.delete(timer);
  setTimeout = (act, delay) => {
    this.#timers.set(++this.#last, { at: this.#time + delay, delay, act });
    return this.#last;
  };

  /** The delays of the timers that are set. */
  get delays() {
    return [...this.#timers.values()].map(({ delay }) => delay);
  }

  /** The machine sleeps: no timer fires, and the monotonic clock stands still. Or its wall clock is set. */
  skip(milliseconds) {
    this.#ahead += milliseconds;
  }

  /** Moves on, firing what falls due on the way, in order. */
  async advance(milliseconds) {
    const until = this.#time + milliseconds;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= until).sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.#time = due[1].at;
      due[1].act();
      await settle();
    }
    this.#time = until;
    await settle();
  }
}

/** Lets everything run that waits on nothing but promises. */
export async function settle() {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
}

export class FakeStorage {
  items = new Map();
  getItem = (key) => this.items.get(key) ?? null;
  setItem = (key, value) => this.items.set(key, value);
  removeItem = (key) => this.items.delete(key);
  key = (index) => [...this.items.keys()][index] ?? null;
  get length() {
    return this.items.size;
  }
}

/**
 * One browser's storage and locks, shared by its tabs: `tab()` is what one of them has. Its writes are told to the
 * others, unless `isDeaf`, as a tab is whose event has not arrived.
 */
export class FakeBrowser {
  storage = new FakeStorage();
  isDeaf = false;
  #tabs = [];
  #locks = new Map();

  tab() {
    const events = new EventTarget();
    const storage = {};
    const { storage: shared } = this;
    const tell = (key) => {
      const others = this.isDeaf ? [] : this.#tabs.filter((tab) => tab.storage !== storage);
      for (const other of others) {
        other.events.dispatchEvent(Object.assign(new Event("storage"), { key, storageArea: other.storage }));
      }
    };
    storage.getItem = shared.getItem;
    storage.key = shared.key;
    Object.defineProperty(storage, "length", { get: () => shared.length });
    storage.setItem = (key, value) => (shared.setItem(key, value), tell(key));
    storage.removeItem = (key) => (shared.removeItem(key), tell(key));
    this.#tabs.push({ events, storage });
    return { events, storage, locks: this.locks };
  }

  locks = {
    request: async (name, { signal }, act) => {
      const before = this.#locks.get(name) ?? Promise.resolve();
      const aborted = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      aborted.catch(() => {});
      const turn = Promise.race([before, aborted]).then(act);
      this.#locks.set(name, Promise.all([before, turn.catch(() => {})]));
      return turn;
    },
  };
}

export function makeToken(sub, username, number = 1, claims = {}) {
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");
  return `${encode({ alg: "RS256" })}.${encode({ sub, "cognito:username": username, number, ...claims })}.signature`;
}

/** What of a browser's window leads away and back: the address, which is left by `assign` and replaced in place. */
export class FakePage {
  assigned = [];

  constructor(href) {
    this.location = { href, assign: (address) => this.assigned.push(new URL(address)) };
    this.history = { state: null, replaceState: (_, __, address) => (this.location.href = address) };
  }
}

/** Cognito's hosted pages, where every player is the same one of Google's. A code is good once, with its verifier. */
export class FakeHostedPages {
  codes = new Map();

  /** Return where the pages lead back to. */
  authorize({ searchParams: asked }, query = "") {
    const code = `code-${this.codes.size}`;
    this.codes.set(code, Object.fromEntries(asked));
    const back = new URL(`${asked.get("redirect_uri")}?${query}`);
    back.searchParams.set("code", code);
    back.searchParams.set("state", asked.get("state"));
    return back.href;
  }

  token(form) {
    const asked = this.codes.get(form.get("code"));
    this.codes.delete(form.get("code"));
    const challenge = createHash("sha256").update(form.get("code_verifier")).digest("base64url");
    const isGood = challenge === asked?.code_challenge && form.get("redirect_uri") === asked.redirect_uri;
    if (!isGood || form.get("client_id") !== asked.client_id) return [400, { error: "invalid_grant" }];
    const username = "google_113894756";
    const tokens = { access_token: `access-${username}`, refresh_token: `refresh-${username}`, expires_in: 3600 };
    return [200, { id_token: makeToken(`id-${username}`, username), ...tokens }];
  }
}

/** A response that, unlike a real one, waits on nothing but promises. */
export const makeResponse = (status, text, headers = {}) => ({
  status,
  ok: status < 300,
  headers: new Headers(headers),
  text: async () => text,
});

/**
 * A user pool behind `fetch`, and an API whose answers the test gives in `api`: status, body, and headers if any.
 *
 * `refuse` holds Cognito's next refusals by operation, `held` the promises that its answers wait for, `lost` the
 * operations that are done and whose answers are lost, `guests` the code with which guests are refused.
 */
export class FakeServer {
  calls = [];
  users = new Map();
  confirmsAtOnce = true;
  refuse = new Map();
  held = new Map();
  lost = new Set();
  guests = null;
  hosted = new FakeHostedPages();
  issued = 0;
  api = () => [200, {}];

  fetch = async (url, { method = "GET", headers = {}, body } = {}) => {
    if (String(url) === `${HOSTED}/oauth2/token`) return this.#tokenOfPages(String(url), method, headers, body);
    const target = headers["X-Amz-Target"]?.split(".")[1];
    const parameters = typeof body === "string" ? JSON.parse(body) : body;
    this.calls.push({ url: String(url), method, headers, body: parameters, target });
    const request = { url: String(url), method, headers, body: parameters };
    if (target) await this.held.get(target);
    const [status, answer, headersBack] = target ? await this.#cognito(target, parameters) : await this.api(request);
    if (this.lost.has(target)) throw new TypeError("fetch failed");
    return makeResponse(status, JSON.stringify(answer), headersBack);
  };

  #tokenOfPages(url, method, headers, body) {
    this.calls.push({ url, method, headers, body });
    if (this.lost.has("token")) throw new TypeError("fetch failed");
    const [status, answer] = this.hosted.token(new URLSearchParams(body));
    if (answer.id_token) this.users.set("google_113894756", { confirmed: true });
    return makeResponse(status, JSON.stringify(answer));
  }

  operations() {
    return this.calls.filter(({ target }) => target).map(({ target }) => target);
  }

  #cognito(target, parameters) {
    const refusal = this.refuse.get(target);
    if (refusal) return [400, { __type: `com.amazonaws#${refusal}`, message: `${refusal} it is` }];
    return this[target](parameters);
  }

  SignUp({ Username, Password }) {
    if (this.users.has(Username)) return [400, { __type: "UsernameExistsException", message: "User already exists" }];
    const isGuest = /^guest-[a-z0-9-]{8,60}$/.test(Username);
    if (isGuest && this.guests) {
      const message = `PreSignUp failed with error ${this.guests}.`;
      return [400, { __type: "UserLambdaValidationException", message }];
    }
    const confirmed = this.confirmsAtOnce || isGuest;
    this.users.set(Username, { password: Password, confirmed });
    return [200, { UserConfirmed: confirmed }];
  }

  ConfirmSignUp({ Username }) {
    const user = this.users.get(Username);
    if (user.confirmed) {
      return [400, { __type: "NotAuthorizedException", message: "User cannot be confirmed. Current status is CONFIRMED" }];
    }
    user.confirmed = true;
    return [200, {}];
  }

  ResendConfirmationCode() {
    return [200, { CodeDeliveryDetails: { Destination: "a***@e***" } }];
  }

  ForgotPassword() {
    return [200, { CodeDeliveryDetails: { Destination: "a***@e***" } }];
  }

  ConfirmForgotPassword({ Username, Password }) {
    this.#named(Username)[1].password = Password;
    return [200, {}];
  }

  UpdateUserAttributes({ AccessToken, UserAttributes }) {
    this.#owner(AccessToken).pending = UserAttributes[0].Value;
    return [200, { CodeDeliveryDetailsList: [{ Destination: "a***@e***" }] }];
  }

  VerifyUserAttribute({ AccessToken, Code }) {
    const user = this.#owner(AccessToken);
    if (!user.pending) return [400, { __type: "ExpiredCodeException", message: "request a code again" }];
    if (Code !== "123456") return [400, { __type: "CodeMismatchException", message: "Invalid verification code" }];
    if ([...this.users.values()].some(({ email }) => email === user.pending)) {
      return [400, { __type: "AliasExistsException", message: "An account with the given email already exists." }];
    }
    Object.assign(user, { email: user.pending, pending: undefined });
    return [200, {}];
  }

  GetUser({ AccessToken }) {
    const { email } = this.#owner(AccessToken);
    const address = [
      { Name: "email", Value: email },
      { Name: "email_verified", Value: "true" },
    ];
    return [200, { UserAttributes: email ? address : [] }];
  }

  ChangePassword({ AccessToken, PreviousPassword, ProposedPassword }) {
    const user = this.#owner(AccessToken);
    if (user.password !== PreviousPassword) {
      return [400, { __type: "NotAuthorizedException", message: "Incorrect username or password." }];
    }
    user.password = ProposedPassword;
    return [200, {}];
  }

  #owner(accessToken) {
    return this.users.get(accessToken.slice("access-".length));
  }

  /** The name and the user of a name or an address. */
  #named(name) {
    return [...this.users].find(([username, { email }]) => username === name || email === name) ?? [];
  }

  RevokeToken() {
    return [200, {}];
  }

  InitiateAuth({ AuthFlow, AuthParameters }) {
    const refresh = AuthFlow === "REFRESH_TOKEN_AUTH";
    const name = refresh ? AuthParameters.REFRESH_TOKEN.slice("refresh-".length) : AuthParameters.USERNAME;
    const [username, user] = this.#named(name);
    if (!user || (!refresh && user.password !== AuthParameters.PASSWORD)) {
      return [400, { __type: "NotAuthorizedException", message: "Incorrect username or password." }];
    }
    if (!user.confirmed) return [400, { __type: "UserNotConfirmedException", message: "User is not confirmed." }];
    const result = {
      IdToken: makeToken(`id-${username}`, username, ++this.issued, user.email && { email: user.email, email_verified: true }),
      AccessToken: `access-${username}`,
      ExpiresIn: 3600,
    };
    if (!refresh) result.RefreshToken = `refresh-${username}`;
    return [200, { AuthenticationResult: result }];
  }
}

export class FakeSocket {
  sent = [];
  closed = false;

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.closed = true;
  }

  open() {
    this.onopen({});
  }

  drop() {
    this.onclose({ code: 1006 });
  }

  push(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }

  /** What was sent since the last call. */
  take() {
    return this.sent.splice(0);
  }
}

/** A client with everything of it under control; `random` is what the jitter draws. */
export async function makeClient({
  config,
  storage = new FakeStorage(),
  server = new FakeServer(),
  random = 1,
  clock = new FakeClock(),
  page = {},
  ...environment
} = {}) {
  const sockets = [];
  class WebSocket extends FakeSocket {
    constructor(...args) {
      super(...args);
      sockets.push(this);
    }
  }
  const podium = await Podium.connect(
    { ...CONFIG, ...config },
    { storage, fetch: server.fetch, WebSocket, clock, page, random: () => random, locks: null, ...environment },
  );
  const events = [];
  for (const name of ["state", "user", "announcement", "avatar", "waiting", "score", "error"]) {
    podium.on(name, (value) => events.push([name, value]));
  }
  return { podium, clock, storage, server, sockets, events, socket: () => sockets.at(-1) };
}

/** A client that is signed in, as `ada`; what was sent for it is forgotten. */
export async function makePlayer(options = {}) {
  const client = await makeClient(options);
  client.server.users.set("ada", { password: "secret", confirmed: true });
  await client.podium.signIn("ada", "secret");
  client.server.calls.length = 0;
  return client;
}

/** A client that is signed in and watches a board, over a connection that is open. */
export async function makeWatcher(board = "forest", options = {}) {
  const client = await makePlayer(options);
  const updates = [];
  const unsubscribe = client.podium.subscribe(board, (update) => updates.push(update));
  await settle();
  client.socket().open();
  return { ...client, updates, unsubscribe };
}

export function entry(userId, score, achievedAt = 1) {
  return { rank: 0, userId, name: userId, avatar: null, score, achievedAt };
}

export const snapshot = (version, entries = [], epoch = 7) => ({
  type: "snapshot",
  board: "forest",
  epoch,
  version,
  size: 50,
  entries: entries.map((one, index) => ({ ...one, rank: index + 1 })),
});

export const diff = (from, changes = [], epoch = 7) => ({
  type: "diff",
  board: "forest",
  epoch,
  from,
  to: from + 1,
  changes: changes.map((change) => ({ op: "set", ...change })),
});
