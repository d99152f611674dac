import { afterRound, pickups, taskOffer, utcDay, XP_PER_ROUND } from "./economy.js";
import { plainWords } from "./format.js";
import { OfferList } from "./offerList.js";

const element = (id) => document.getElementById(id);
const FIRST_SCORE = "first-score";

/** What a round brings besides its score: xp, money that lies about, and the reward for the first score. */
export class Rewards {
  #podium;
  #state;
  #catalogue;
  #tasks;
  #round = 0;

  constructor(podium, state, catalogue) {
    this.#podium = podium;
    this.#state = state;
    this.#catalogue = catalogue;
    this.#tasks = new OfferList(element("round-tasks"), "claim", (id) =>
      state.act(`task ${id}`, (once) => podium.completeTask(id, once)),
    );
    state.onChange(() => element("round-tasks").hidden || this.#renderTask());
  }

  /** A round in an area has ended, and its score is saved. */
  async give(area) {
    this.clear();
    const round = ++this.#round;
    element("rewards").hidden = false;
    element("pickups").replaceChildren(...pickups(Math.random).map((amount, at) => this.#pickup(amount, `pickup ${round} ${at}`)));
    element("round-tasks").hidden = !this.#renderTask();
    try {
      await saveRound(this.#podium, this.#state, this.#catalogue, area);
      if (round === this.#round) element("xp-gained").textContent = `+${XP_PER_ROUND} xp`;
    } catch (error) {
      if (round === this.#round) this.#refuse(error);
    }
  }

  clear() {
    this.#round += 1;
    element("rewards").hidden = true;
    element("xp-gained").textContent = "";
    element("rewards-refusal").textContent = "";
  }

  /** Whether the first score's reward is there to be claimed. */
  #renderTask() {
    const task = this.#catalogue.tasks.find(({ id }) => id === FIRST_SCORE);
    if (!task || !this.#state.progress) return false;
    const offer = taskOffer(task, this.#state.progress, utcDay(Date.now()), this.#catalogue);
    this.#tasks.render([offer]);
    return offer.state === "ready";
  }

  #pickup(amount, name) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "coin", textContent: `+${amount}` });
    button.dataset.testid = "pickup";
    button.setAttribute("aria-label", `Pick up ${amount} coins`);
    button.addEventListener("click", () => this.#pickUp(button, amount, name));
    return button;
  }

  async #pickUp(button, amount, name) {
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true";
    element("rewards-refusal").textContent = "";
    try {
      await this.#state.act(name, (once) => this.#podium.addMoney(amount, "pickup", once));
      button.classList.add("taken");
      button.setAttribute("aria-label", `${amount} coins, picked up`);
    } catch (error) {
      button.ariaDisabled = "false";
      this.#refuse(error);
    }
  }

  #refuse(error) {
    element("rewards-refusal").textContent = plainWords(error);
  }
}

/** Saves what a round brings. Saved by another device meanwhile: once more, from what is stored now. */
export async function saveRound(podium, state, catalogue, area) {
  const save = () => state.change("progress", (progress) => podium.saveProgress(afterRound(catalogue, progress, area)));
  await save().catch((error) => {
    if (error.status !== 409) throw error;
    return save();
  });
}
