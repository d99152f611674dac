import { STEPS } from "./accountSteps.js";
import { faultWords } from "./accountWords.js";

/** The dialog in which a player signs in, stays, or leaves: one step of `STEPS` at a time. */
export class AccountDialog {
  #podium;
  #onDone;
  #dialog = document.getElementById("account");
  #form = document.getElementById("account-form");
  #step;
  #visit = 0; // what an earlier visit of the dialog still waits for changes nothing any more
  #memory = {};

  /**
   * @param {import("../podium.js").Podium} podium
   * @param {(said?: string) => void} onDone called when the dialog closes, with what is to be said
   */
  constructor(podium, onDone) {
    this.#podium = podium;
    this.#onDone = onDone;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#part("resend").addEventListener("click", () => this.#resend());
    this.#part("google").addEventListener("click", () => this.#run(() => podium.signInWithGoogle()));
    this.#part("cancel").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => {
      this.#visit++;
      this.#form.reset();
      this.#memory = {};
      onDone();
    });
  }

  /** @param {string} step where to begin */
  open(step = "signIn") {
    this.#visit++;
    this.#form.reset();
    this.#memory = {};
    this.#dialog.showModal();
    this.#go(step);
  }

  #part(name) {
    return document.getElementById(`account-${name}`);
  }

  #go(name) {
    const step = STEPS[name];
    const context = { podium: this.#podium, memory: this.#memory };
    this.#step = name;
    this.#dialog.dataset.step = name;
    const hint = typeof step.hint === "function" ? step.hint(context) : (step.hint ?? "");
    this.#part("title").textContent = step.title;
    this.#part("hint").textContent = hint;
    this.#part("hint").hidden = !hint;
    this.#part("submit").textContent = step.submit;
    this.#part("submit").disabled = false;
    this.#part("cancel").textContent = step.cancel ?? "Cancel";
    this.#part("resend").hidden = !step.resend;
    this.#part("google").hidden = name !== "signIn" || !this.#podium.config.hostedUiUrl;
    this.#part("links").replaceChildren(...step.links.map((link) => this.#link(link)));
    this.#form.elements.username.labels[0].firstChild.textContent = name === "signUp" ? "Name" : "Name or e-mail address";
    this.#say("");
    this.#fault("");
    for (const label of this.#form.querySelectorAll("[data-field]")) {
      const shown = step.fields.includes(label.dataset.field);
      label.hidden = !shown;
      label.querySelector("input").disabled = !shown;
    }
    for (const field of ["password", "newPassword", "code"]) this.#form.elements[field].value = "";
    this.#form.elements.password.autocomplete = step.autocomplete ?? "off";
    if (this.#memory.username) this.#form.elements.username.value = this.#memory.username;
    const first = this.#form.querySelector("input:enabled");
    (first ?? this.#part("submit")).focus();
  }

  #link([step, words]) {
    const link = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: words });
    link.dataset.to = step;
    link.addEventListener("click", () => this.#go(step));
    return link;
  }

  async #submit() {
    const wrong = [...this.#form.elements].find((element) => element.willValidate && !element.checkValidity());
    if (wrong) {
      this.#fault(`${wrong.labels[0].firstChild.textContent.trim()}: ${wrong.validationMessage}`);
      wrong.focus();
      return;
    }
    const step = STEPS[this.#step];
    const values = /** @type {Record<string, string>} */ (Object.fromEntries(new FormData(this.#form)));
    if (this.#step === "merge") this.#say("Bringing everything along. This may take a minute …");
    await this.#run(async (visit) => {
      const next = await step.act({ podium: this.#podium, memory: this.#memory }, values);
      if (visit !== this.#visit) return;
      if (next) return this.#go(next);
      this.#dialog.close();
      this.#onDone(step.done);
    });
  }

  async #resend() {
    await this.#run(async (visit) => {
      await STEPS[this.#step].resend({ podium: this.#podium, memory: this.#memory });
      if (visit === this.#visit) this.#say("Another code was sent.");
    });
  }

  /** Run what a button asks for, once at a time, and show what goes wrong. */
  async #run(act) {
    const [visit, step] = [this.#visit, this.#step];
    const buttons = [this.#part("submit"), this.#part("resend"), this.#part("google")];
    for (const button of buttons) button.disabled = true;
    this.#fault("");
    try {
      await act(visit);
    } catch (error) {
      if (visit === this.#visit) {
        this.#say("");
        this.#fault(faultWords(error, step));
      }
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }

  #say(text) {
    this.#part("said").textContent = text;
  }

  #fault(text) {
    this.#part("fault").textContent = text;
    this.#part("fault").hidden = !text;
  }
}
