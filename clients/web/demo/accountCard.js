import { GUEST_WARNING } from "./accountSteps.js";
import { faultWords } from "./accountWords.js";

const element = (id) => document.getElementById(id);

/** Who the player is to the game, and what they can do about it. */
export class AccountCard {
  #podium;

  /**
   * @param {import("../podium.js").Podium} podium
   * @param {(step: string) => void} ask opens the account dialog
   */
  constructor(podium, ask) {
    this.#podium = podium;
    for (const button of element("account-card").querySelectorAll("[data-step]")) {
      button.addEventListener("click", () => ask(button.dataset.step));
    }
    element("download-data").addEventListener("click", () => this.#download());
  }

  render() {
    const { isGuest, otherGuest } = this.#podium;
    element("account-about").textContent = isGuest
      ? `You are a guest. ${GUEST_WARNING} Add an e-mail address to keep them.`
      : "You have an account: sign in on any device, and you are the same player.";
    for (const button of element("account-card").querySelectorAll("[data-for]")) {
      button.hidden = { guest: !isGuest, account: isGuest, heir: isGuest || !otherGuest }[button.dataset.for];
    }
  }

  clear() {
    this.#say("");
  }

  async #download() {
    const button = element("download-data");
    button.disabled = true;
    this.#say("");
    try {
      const data = await this.#podium.exportProfile();
      const url = URL.createObjectURL(new Blob([JSON.stringify(data, null, 2)], { type: "application/json" }));
      Object.assign(document.createElement("a"), { href: url, download: "podium-data.json" }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
      this.#say("Saved as podium-data.json.");
    } catch (error) {
      this.#say(faultWords(error), true);
    } finally {
      button.disabled = false;
    }
  }

  #say(text, wrong = false) {
    element("account-card-said").textContent = text;
    element("account-card-said").classList.toggle("fault", wrong);
  }
}
