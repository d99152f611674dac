/**
 * What the account dialog asks for in each of its steps. Pure: the dialog shows them.
 *
 * @typedef {object} Context
 * @property {import("../podium.js").Podium} podium
 * @property {Record<string, string>} memory what earlier steps have learnt: `username`, `password`, `email`
 *
 * @typedef {object} Step
 * @property {string} title
 * @property {string | ((context: Context) => string)} [hint]
 * @property {string[]} fields
 * @property {string} submit
 * @property {string} [cancel] "Cancel" unless told
 * @property {string} [autocomplete] of the field `password`
 * @property {[string, string][]} links steps to go to instead, each with its words
 * @property {(context: Context) => Promise<unknown>} [resend] sends the code again
 * @property {(context: Context, values: Record<string, string>) => Promise<?string>} act the next step; null at the end
 * @property {string} [done] what is said at the end
 */

import { GUESTS_LIMIT } from "../podium/constants.js";
import { PASSWORD_RULES } from "./accountWords.js";

/** What being a guest means, as the page keeps its player: in the window's own storage. */
export const GUEST_WARNING =
  "Only this window knows who you are. If you close it, clear the browser or lose the device, your scores stay, but you cannot get back to them.";

function codeHint({ podium, memory }) {
  if (podium.config.cognitoEndpoint) return "This is a game on one computer, which sends no mail: any code will do here.";
  return `A code is on its way to ${memory.email ?? "your e-mail address"}.`;
}

/** After a sign-in: the guest who played here is offered, if there is one. */
const offerGuest = ({ podium }) => (podium.otherGuest ? "merge" : null);

/** @type {Record<string, Step>} */
export const STEPS = {
  signIn: {
    title: "Sign in",
    fields: ["username", "password"],
    submit: "Sign in",
    autocomplete: "current-password",
    links: [["signUp", "Create an account"], ["forgot", "Forgot your password?"]],
    async act(context, { username, password }) {
      Object.assign(context.memory, { username: username.trim(), password });
      try {
        await context.podium.signIn(username.trim(), password);
      } catch (error) {
        if (error.code === "UserNotConfirmedException") return "confirm";
        throw error;
      }
      return offerGuest(context);
    },
  },
  signUp: {
    title: "Create an account",
    hint: PASSWORD_RULES,
    fields: ["username", "email", "password"],
    submit: "Create account",
    autocomplete: "new-password",
    links: [["signIn", "Sign in"]],
    async act(context, { username, email, password }) {
      const address = email || undefined;
      Object.assign(context.memory, { username: username.trim(), password, email: address });
      const { confirmed } = await context.podium.signUp(username.trim(), password, address);
      return confirmed ? STEPS.signIn.act(context, { username, password }) : "confirm";
    },
  },
  confirm: {
    title: "Confirm your account",
    hint: codeHint,
    fields: ["code"],
    submit: "Confirm",
    links: [["signUp", "Start again"]],
    resend: ({ podium, memory }) => podium.resendCode(memory.username),
    async act(context, { code }) {
      const { username, password } = context.memory;
      await context.podium.confirmSignUp(username, code.trim());
      return STEPS.signIn.act(context, { username, password });
    },
  },
  forgot: {
    title: "Forgot your password?",
    hint: "Say who you are, by name or e-mail address. A code is sent to your address.",
    fields: ["username"],
    submit: "Send a code",
    links: [["signIn", "Sign in"]],
    async act({ podium, memory }, { username }) {
      Object.assign(memory, { username: username.trim(), email: undefined });
      await podium.forgotPassword(username.trim());
      return "reset";
    },
  },
  reset: {
    title: "Choose a new password",
    hint: (context) => `${codeHint(context)} ${PASSWORD_RULES}`,
    fields: ["code", "newPassword"],
    submit: "Set the password",
    links: [["forgot", "Start again"]],
    resend: ({ podium, memory }) => podium.forgotPassword(memory.username),
    done: "Your new password is set.",
    async act(context, { code, newPassword }) {
      const { username } = context.memory;
      await context.podium.confirmForgotPassword(username, code.trim(), newPassword);
      return STEPS.signIn.act(context, { username, password: newPassword });
    },
  },
  addEmail: {
    title: "Keep your scores",
    hint: "With an e-mail address you can come back from any device. You stay the same player.",
    fields: ["address"],
    submit: "Send a code",
    links: [],
    async act({ podium, memory }, { address }) {
      memory.email = address.trim();
      await podium.addEmail(memory.email);
      return "emailCode";
    },
  },
  emailCode: {
    title: "Confirm your address",
    hint: codeHint,
    fields: ["code"],
    submit: "Confirm",
    links: [["addEmail", "Use another address"]],
    resend: ({ podium, memory }) => podium.addEmail(memory.email),
    done: "Your e-mail address is confirmed.",
    async act({ podium, memory }, { code }) {
      const wasGuest = podium.isGuest;
      try {
        await podium.confirmEmail(code.trim());
      } catch (error) {
        if (error.code === "email_taken") return "taken";
        throw error;
      }
      memory.username = podium.user.username;
      return wasGuest ? "setPassword" : null;
    },
  },
  taken: {
    title: "This address has a player",
    hint: "Is it you? Sign in with it: you can bring along what you have as a guest.",
    fields: [],
    submit: "Sign in with it",
    links: [["addEmail", "Use another address"]],
    async act({ memory }) {
      memory.username = memory.email;
      return "signIn";
    },
  },
  setPassword: {
    title: "Choose a password",
    hint: `Your address is confirmed. With it and this password you sign in anywhere. ${PASSWORD_RULES}`,
    fields: ["newPassword"],
    submit: "Set the password",
    cancel: "Later",
    links: [],
    done: "Done: sign in with your e-mail address, wherever you are.",
    async act({ podium, memory }, { newPassword }) {
      try {
        await podium.setPassword(newPassword);
      } catch (error) {
        if (error.code !== "guest_password_lost") throw error;
        await podium.forgotPassword(memory.username);
        return "reset";
      }
      return null;
    },
  },
  changePassword: {
    title: "Change your password",
    hint: PASSWORD_RULES,
    fields: ["password", "newPassword"],
    submit: "Change it",
    autocomplete: "current-password",
    links: [["forgot", "Forgot your password?"]],
    done: "Your password is changed.",
    async act({ podium }, { password, newPassword }) {
      await podium.changePassword(password, newPassword);
      return null;
    },
  },
  merge: {
    title: "Bring your guest along?",
    hint: `A guest played in this window. Your account takes over their scores, coins and belongings: of two scores the better one stays. The guest is gone then. An account can do this for ${GUESTS_LIMIT} guests, ever.`,
    fields: [],
    submit: "Bring them along",
    cancel: "No, thanks",
    links: [],
    done: "What your guest had is yours now.",
    async act({ podium }) {
      await podium.mergeGuest();
      return null;
    },
  },
  leave: {
    title: "Sign out as a guest?",
    hint: `Until this window is closed, “Play as a guest” brings you back. ${GUEST_WARNING}`,
    fields: [],
    submit: "Sign out",
    cancel: "Stay",
    links: [["addEmail", "Add an e-mail address"]],
    async act({ podium }) {
      await podium.signOut();
      return null;
    },
  },
};
