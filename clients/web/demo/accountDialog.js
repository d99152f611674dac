/** What the dialog asks for in each of its steps. */
const STEPS = {
  signIn: {
    title: "Sign in",
    fields: ["username", "password"],
    submit: "Sign in",
    question: "New here?",
    other: ["signUp", "Create an account"],
    password: "current-password",
  },
  signUp: {
    title: "Create an account",
    hint: "At least 10 characters in the password, with upper and lower case, a digit and a symbol.",
    fields: ["username", "email", "password"],
    submit: "Create account",
    question: "Already playing?",
    other: ["signIn", "Sign in"],
    password: "new-password",
  },
  confirm: {
    title: "Confirm your account",
    hint: "A code is on its way to you.",
    fields: ["code"],
    submit: "Confirm",
    question: "Wrong name?",
    other: ["signUp", "Start again"],
  },
};

/** Cognito's refusals in a player's words. */
const FAULTS = {
  NotAuthorizedException: "That name and password do not go together.",
  UserNotFoundException: "That name and password do not go together.",
  UsernameExistsException: "That name is taken. Try another.",
  CodeMismatchException: "That is not the code that was sent.",
  ExpiredCodeException: "That code has expired. Create the account again for a new one.",
  NetworkError: "The sign-in service cannot be reached. Is the server running?",
};

export class AccountDialog {
  #podium;
  #dialog = document.getElementById("account");
  #form = document.getElementById("account-form");
  #step;
  #credentials; // of the account that waits for its code

  constructor(podium) {
    this.#podium = podium;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#part("switch").addEventListener("click", () => this.#go(STEPS[this.#step].other[0]));
    this.#part("cancel").addEventListener("click", () => this.#dialog.close());
  }

  open() {
    this.#form.reset();
    this.#go("signIn");
    this.#dialog.showModal();
    this.#focusFirst();
  }

  #part(name) {
    return document.getElementById(`account-${name}`);
  }

  #go(step) {
    this.#step = step;
    const { title, hint = "", fields, submit, question, other, password } = STEPS[step];
    this.#part("title").textContent = title;
    this.#part("hint").textContent = hint;
    this.#part("hint").hidden = !hint;
    this.#part("submit").textContent = submit;
    this.#part("question").textContent = question;
    this.#part("switch").textContent = other[1];
    this.#fault("");
    for (const label of this.#form.querySelectorAll("[data-field]")) {
      const shown = fields.includes(label.dataset.field);
      label.hidden = !shown;
      label.querySelector("input").disabled = !shown;
    }
    this.#form.elements.password.autocomplete = password ?? "off";
    this.#focusFirst();
  }

  async #submit() {
    const wrong = [...this.#form.elements].find((element) => element.willValidate && !element.checkValidity());
    if (wrong) {
      this.#fault(`${wrong.name[0].toUpperCase()}${wrong.name.slice(1)}: ${wrong.validationMessage}`);
      wrong.focus();
      return;
    }
    this.#part("submit").disabled = true;
    try {
      await this.#act(Object.fromEntries(new FormData(this.#form)));
    } catch (error) {
      if (error.code === "UserNotConfirmedException") this.#go("confirm");
      else this.#fault(FAULTS[error.code] ?? error.message);
    } finally {
      this.#part("submit").disabled = false;
    }
  }

  async #act({ username, password, email, code }) {
    if (this.#step === "confirm") {
      await this.#podium.confirmSignUp(this.#credentials[0], code.trim());
    } else {
      this.#credentials = [username.trim(), password];
      if (this.#step === "signUp") await this.#podium.signUp(...this.#credentials, email);
    }
    await this.#podium.signIn(...this.#credentials);
    this.#dialog.close();
    document.getElementById("panel").focus(); // the button that opened the dialog is gone
  }

  #fault(text) {
    this.#part("fault").textContent = text;
    this.#part("fault").hidden = !text;
  }

  #focusFirst() {
    this.#form.querySelector("input:enabled").focus();
  }
}
