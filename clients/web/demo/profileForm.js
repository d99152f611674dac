import { plainWords } from "./format.js";

const element = (id) => document.getElementById(id);

/** The player's name, edited in place. */
export class ProfileForm {
  #input = element("profile-name");
  #typed = false; // a name that is not saved yet must not be overwritten by the stored one

  constructor(podium, state) {
    this.#input.addEventListener("input", () => {
      this.#typed = true;
    });
    element("name-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const wanted = this.#input.value;
      this.#say("");
      const save = element("save-name");
      save.disabled = true;
      try {
        const { name } = await state.change("profile", () => podium.rename(wanted));
        this.#input.value = name; // trimmed, it may be another than was typed
        this.#typed = false;
        this.#say("Saved: the boards call you that now.");
      } catch (error) {
        this.#say(plainWords(error), true);
      } finally {
        save.disabled = false;
      }
    });
  }

  /** Shows the stored name, unless another is being typed. */
  render({ name }) {
    if (!this.#typed) this.#input.value = name;
  }

  clear() {
    this.#typed = false;
    this.#say("");
  }

  #say(text, wrong = false) {
    const said = element("name-said");
    said.textContent = text;
    said.classList.toggle("fault", wrong);
    this.#input.setAttribute("aria-invalid", wrong);
  }
}
