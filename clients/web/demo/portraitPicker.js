import { plainWords } from "./format.js";
import { showPortrait } from "./portraitImage.js";

const element = (id) => document.getElementById(id);

/** The player's portrait: uploading a picture for it, and choosing among those made before. */
export class PortraitPicker {
  #podium;
  #state;
  #preview = null; // the address of the picture that is being worked on

  constructor(podium, state) {
    this.#podium = podium;
    this.#state = state;
    const [input, drop] = [element("portrait-input"), element("portrait-drop")];
    input.addEventListener("change", () => {
      const [picture] = input.files;
      input.value = ""; // so that the same picture may be chosen again
      if (picture) this.#upload(picture);
    });
    for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
      drop.addEventListener(type, (event) => {
        event.preventDefault();
        drop.classList.toggle("over", type === "dragenter" || type === "dragover");
        if (type === "drop" && event.dataTransfer.files[0]) this.#upload(event.dataTransfer.files[0]);
      });
    }
    const background = element("portrait-background");
    background.addEventListener("change", () => {
      element("portrait-colour").hidden = background.value !== "colour";
    });
  }

  render({ userId, avatar, portraits, portraitProblem }) {
    if (!this.#preview) {
      this.#show({ userId, avatar });
      if (portraitProblem && !element("portrait-status").textContent) this.#say(portraitProblem, true);
    }
    const choices = portraits.length > 1 ? portraits.map((key) => this.#choice(userId, key, key === avatar)) : [];
    const focused = choices.find(({ dataset }) => dataset.key === document.activeElement?.dataset.key);
    element("portraits").replaceChildren(...choices);
    element("portraits").hidden = choices.length === 0;
    focused?.focus();
  }

  /** Forgets what was said of the last picture. */
  clear() {
    if (!this.#preview) this.#say("");
  }

  #show(player) {
    const url = (key, size) => this.#podium.portraitUrl(key, size);
    showPortrait(element("portrait-shown"), player, url, { size: "large", testid: "portrait" });
  }

  #choice(userId, key, chosen) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "portrait-choice";
    button.dataset.key = key;
    button.dataset.testid = "portrait-choice";
    button.setAttribute("aria-pressed", chosen);
    button.setAttribute("aria-label", `Portrait ${this.#state.profile.portraits.indexOf(key) + 1}`);
    showPortrait(button, { userId, avatar: key }, (...which) => this.#podium.portraitUrl(...which));
    button.addEventListener("click", () => this.#choose(key));
    return button;
  }

  async #choose(key) {
    try {
      await this.#state.change("profile", () => this.#podium.choosePortrait(key));
      this.#say("That is how the boards show you now.");
    } catch (error) {
      this.#say(plainWords(error), true);
    }
  }

  async #upload(picture) {
    if (this.#preview) return;
    this.#work(picture);
    try {
      const { face } = await this.#podium.uploadPortrait(picture, { background: this.#background() });
      await this.#state.refreshProfile();
      this.#say(face ? "There you are." : "Done. No face was found in it, so this is its upper middle.");
    } catch (error) {
      this.#say(plainWords(error), true);
    } finally {
      this.#rest();
    }
  }

  #background() {
    const { value } = element("portrait-background");
    return value === "colour" ? element("portrait-colour").value : value;
  }

  #work(picture) {
    this.#preview = URL.createObjectURL(picture);
    const shown = element("portrait-shown");
    const image = document.createElement("img");
    image.alt = "";
    image.src = this.#preview;
    image.addEventListener("error", () => image.remove()); // whatever it is, it is no picture
    shown.append(image);
    element("portrait-drop").ariaBusy = "true";
    this.#say("Working …");
  }

  #rest() {
    URL.revokeObjectURL(this.#preview);
    this.#preview = null;
    element("portrait-drop").ariaBusy = "false";
    delete element("portrait-shown").dataset.shown; // the preview is still there
    if (this.#state.profile) this.#show(this.#state.profile);
  }

  #say(text, wrong = false) {
    const status = element("portrait-status");
    status.textContent = text;
    status.classList.toggle("fault", wrong);
  }
}
