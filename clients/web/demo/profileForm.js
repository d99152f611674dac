import { plainWords } from "./format.js";

const element = (id) => document.getElementById(id);

/** The player's name, edited in place. */
export class ProfileForm {
  #input = element("profile-name");
  #shown = null; // the name as it is stored

  constructor(podium, state) {
    element("name-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      this.#say("");
      const save = element("save-name");
      save.disabled = true;
      try {
        const { name } = await state.change("profile", () => podium.rename(this.#input.value));
        this.#input.value = this.#shown = name; // trimmed, it may be another than was typed
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
    if ([null, this.#input.value].includes(this.#shown)) this.#input.value = name;
    this.#shown = name;
  }

  clear() {
    this.#shown = null;
    this.#say("");
  }

  #say(text, wrong = false) {
    const said = element("name-said");
    said.textContent = text;
    said.classList.toggle("fault", wrong);
    this.#input.setAttribute("aria-invalid", wrong);
  }
}
