import { plainWords } from "./format.js";

const element = (id) => document.getElementById(id);

/** "Delete my account", asked twice. */
export class DeleteAccount {
  #ask = element("delete-account");
  #confirmation = element("delete-confirmation");

  /** @param {() => void} onDeleted */
  constructor(podium, onDeleted) {
    this.#ask.addEventListener("click", () => {
      this.#open(true);
      element("keep-account").focus();
    });
    element("keep-account").addEventListener("click", () => this.#keep());
    this.#confirmation.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault(); // it closes the question, not the panel
      this.#keep();
    });
    element("confirm-delete").addEventListener("click", async ({ currentTarget: button }) => {
      button.disabled = true;
      element("delete-refusal").textContent = "";
      try {
        await podium.deleteAccount();
        onDeleted();
      } catch (error) {
        element("delete-refusal").textContent = plainWords(error);
      } finally {
        button.disabled = false;
      }
    });
  }

  clear() {
    this.#open(false);
    element("delete-refusal").textContent = "";
  }

  #keep() {
    this.#open(false);
    this.#ask.focus();
  }

  #open(open) {
    this.#confirmation.hidden = !open;
    this.#ask.hidden = open;
  }
}
