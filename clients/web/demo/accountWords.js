import { GUESTS_LIMIT } from "../podium/constants.js";
import { plainWords } from "./format.js";

const WRONG_PAIR = "That name and password do not go together.";
/** The user pool's rules, infra/passwords.py. */
export const PASSWORD_RULES = "A password has at least 10 characters, with upper and lower case, a digit and a symbol.";
const TOO_MANY = "Too many tries. Wait a few minutes, and try again.";

/** Refusals in a player's words, by code; where it depends on what was asked, by step. */
const FAULTS = {
  NotAuthorizedException: { any: WRONG_PAIR, changePassword: "That is not the password you have now." },
  UserNotFoundException: { any: WRONG_PAIR, reset: "That is not the code that was sent." },
  UsernameExistsException: { any: "That name is taken. Try another." },
  CodeMismatchException: { any: "That is not the code that was sent." },
  ExpiredCodeException: { any: "That code is not good any more. Have another one sent." },
  CodeDeliveryFailureException: { any: "The code could not be sent. Is the address right?" },
  InvalidPasswordException: { any: PASSWORD_RULES },
  InvalidParameterException: {
    any: "Something in this form cannot be used: check it, and try again.",
    addEmail: "That is not an e-mail address.",
    signUp: "This name or address cannot be used. A name is no e-mail address.",
    forgot: "This player has no confirmed e-mail address: no code can be sent.",
    changePassword: PASSWORD_RULES,
    setPassword: PASSWORD_RULES,
    reset: PASSWORD_RULES,
  },
  LimitExceededException: { any: TOO_MANY },
  TooManyRequestsException: { any: TOO_MANY },
  TooManyFailedAttemptsException: { any: TOO_MANY },
  NetworkError: { any: "The server cannot be reached. Try again." },
  TimeoutError: { any: "No answer came. Try again." },
  SignedOut: { any: "You are signed out by now. Sign in again." },
  merge_limit: { any: `You have brought along ${GUESTS_LIMIT} guests already, and an account takes no more. This guest stays as they are.` },
  no_guest: { any: "The guest who played here is gone already: there is nothing to bring along." },
  merge_running: { any: "It takes longer than usual, and goes on by itself. Press again in a minute to see it finished." },
};

/**
 * Return the sentence that a player reads about an error.
 *
 * @param {import("../podium.js").PodiumError} error
 * @param {string} [step] the dialog's step in which it came
 */
export function faultWords(error, step = "any") {
  const { code = "", message = "" } = error;
  if (code === "NotAuthorizedException" && /attempts exceeded/i.test(message)) return TOO_MANY;
  const known = FAULTS[code];
  if (known) return known[step] ?? known.any;
  // Cognito's own words are for programmers.
  if (code.endsWith("Exception")) return "That did not work. Try again in a moment.";
  return plainWords(error);
}
