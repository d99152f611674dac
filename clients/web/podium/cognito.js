import { GUESTS_BUSY, GUESTS_OFF } from "./constants.js";
import { PodiumError } from "./error.js";
import { exchange } from "./http.js";

/** Cognito's words for "sign in again": the refresh token is spent or revoked, or the player is gone. */
const REFUSALS = new Set(["NotAuthorizedException", "UserNotFoundException"]);

/** Cognito's words for a code that is not good, or not good any more. */
const SPENT = new Set(["ExpiredCodeException", "CodeMismatchException"]);

/** Cognito's refusals that a game acts on: the code that it sees instead, and the sentence. */
const OURS = {
  [GUESTS_BUSY]: "Too many new guests are coming just now: try again in a minute.",
  [GUESTS_OFF]: "This game takes no guests: sign up with an e-mail address.",
  email_taken: "Another player has this e-mail address: sign in with it, or use another one.",
};

/** Cognito's JSON protocol, with plain `fetch`. */
export class Cognito {
  #config;
  #transport;

  constructor(config, transport) {
    this.#config = config;
    this.#transport = transport;
  }

  /** Ask for something that any client may. */
  ask(operation, parameters) {
    return this.#send(operation, { ClientId: this.#config.userPoolClientId, ...parameters });
  }

  /** Ask for something that a player may, with the access token of the session. */
  askFor({ accessToken }, operation, parameters = {}) {
    return this.#send(operation, { AccessToken: accessToken, ...parameters });
  }

  /** @returns {Promise<object>} the tokens */
  async authenticate(flow, parameters) {
    const answer = await this.ask("InitiateAuth", { AuthFlow: flow, AuthParameters: parameters });
    if (answer.AuthenticationResult) return answer.AuthenticationResult;
    throw new PodiumError(`Signing in asks for a further step (${answer.ChallengeName}) that this client lacks.`, {
      code: answer.ChallengeName,
    });
  }

  async #send(operation, parameters) {
    const { region, cognitoEndpoint } = this.#config;
    const { ok, status, body } = await exchange(
      this.#transport,
      cognitoEndpoint ?? `https://cognito-idp.${region}.amazonaws.com/`,
      {
        method: "POST",
        headers: {
          "Content-Type": "application/x-amz-json-1.1",
          "X-Amz-Target": `AWSCognitoIdentityProviderService.${operation}`,
        },
        body: JSON.stringify(parameters),
      },
    );
    if (ok) return body;
    const code = body?.__type?.split("#").pop() ?? "HttpError";
    const message = body?.message ?? body?.Message ?? `Cognito answered ${status}.`;
    const ours = ourCode(code, message);
    throw ours ? refusal(ours, status) : new PodiumError(message, { code, status });
  }
}

/** Return the error of a code of our own. */
export function refusal(code, status) {
  return new PodiumError(OURS[code], { code, status });
}

/** Whether a session can be renewed no longer. */
export const isOver = ({ code }) => REFUSALS.has(code);

/**
 * Whether Cognito refused a name with its password: for good, as far as this client knows. After wrong passwords, from
 * any client, it locks an account out for a while: its guest is not gone.
 */
export const isRefused = (error) => isOver(error) && !/attempts exceeded/i.test(error.message);

/** Whether a code is not the one that was sent, or not good any more. */
export const isSpent = ({ code }) => SPENT.has(code);

/** Whether Cognito refused to confirm a player because that has been done. Its message alone says so. */
export const isConfirmedAlready = ({ code, message }) =>
  code === "NotAuthorizedException" && /status is (CONFIRMED|not UNCONFIRMED)/.test(message);

/** Return where a code was sent, as far as Cognito says. */
export const sentTo = (details) => ({ destination: details?.Destination ?? null });

/** Return our own code for a refusal; undefined where Cognito's is kept. */
function ourCode(code, message) {
  if (code === "AliasExistsException") return "email_taken";
  return code === "UserLambdaValidationException" ? [GUESTS_BUSY, GUESTS_OFF].find((one) => message.includes(one)) : undefined;
}
