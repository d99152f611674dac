import { plainWords } from "./format.js";
import { OfferList } from "./offerList.js";
import { prizeWords, rewardId, rewardOffer } from "./seasonWords.js";

const element = (id) => document.getElementById(id);

/** Milliseconds within which players look for a prize when a season has ended: not all of them at once. */
const LOOK_MS = [500, 8_000];
/** Prizes among what is the player's. */
const SHOWN = 12;
/** Pages of rewards that are read: a player has as many prizes as seasons can be read. */
const PAGES = 10;

/**
 * The prizes of seasons that are over: the newest of the board that is shown, above its rows, and all of them among what
 * is the player's.
 */
export class SeasonRewards {
  #podium;
  #state;
  #catalogue;
  #notices;
  #board = null;
  #rewards = [];
  #list;
  #timer = null; // until they are read again
  #run = 0; // grows with each reading; an older answer is dropped
  #claimed = null; // the id of what was just claimed, whose thanks are shown

  /**
   * @param {import("../podium.js").Podium} podium
   * @param {import("./playerState.js").PlayerState} state
   * @param {import("../podium/rest.js").Catalogue} catalogue
   * @param {{announce: (message: string) => void}} notices
   */
  constructor(podium, state, catalogue, notices) {
    this.#podium = podium;
    this.#state = state;
    this.#catalogue = catalogue;
    this.#notices = notices;
    this.#list = new OfferList(element("prizes"), "prize", (id) => this.#claim(this.#rewards.find((one) => rewardId(one) === id)));
    element("claim-reward").addEventListener("click", () => this.#press());
    // What is in review ends by the clock.
    setInterval(() => document.hidden || this.#render(), 1000);
  }

  /** Shows what the player has won on a board. */
  show(board) {
    this.#board = board;
    this.#claimed = null;
    element("reward-refusal").textContent = "";
    this.#render();
  }

  /** Begins with another player, or none. */
  playerChanged() {
    this.#rewards = [];
    this.#claimed = null;
    this.#stop();
    this.#render();
    if (this.#canWin) this.#load();
  }

  /** A season of a board has ended: there may be a prize in a moment. */
  turned() {
    this.#claimed = null;
    if (this.#canWin) this.#later();
  }

  /** Forgets the refusals shown. */
  clear() {
    this.#list.clear();
  }

  get #canWin() {
    return this.#podium.user !== null && this.#catalogue.boards.some(({ prizes }) => prizes?.length > 0);
  }

  #stop() {
    this.#run += 1;
    clearTimeout(this.#timer);
  }

  #later() {
    this.#stop();
    this.#timer = setTimeout(() => this.#load(), LOOK_MS[0] + Math.random() * (LOOK_MS[1] - LOOK_MS[0]));
  }

  async #load() {
    this.#stop();
    const run = this.#run;
    const found = [];
    try {
      let cursor;
      for (let page = 0; page < PAGES && cursor !== null; page++) {
        const { rewards, nextCursor } = await this.#podium.rewards({ cursor });
        found.push(...rewards);
        cursor = nextCursor;
      }
    } catch (error) {
      if (run !== this.#run) return;
      console.warn(error.message);
      if (!(error.status >= 400 && error.status < 500 && error.status !== 429)) this.#later();
      return;
    }
    if (run !== this.#run) return;
    this.#rewards = found;
    this.#render();
  }

  async #press() {
    const reward = this.#shown;
    const button = element("claim-reward");
    if (!reward || button.getAttribute("aria-disabled") === "true" || button.ariaBusy === "true") return;
    element("reward-refusal").textContent = "";
    button.ariaBusy = "true";
    try {
      await this.#claim(reward);
    } catch (error) {
      element("reward-refusal").textContent = plainWords(error);
    } finally {
      button.ariaBusy = "false";
    }
  }

  async #claim(reward) {
    const { gameArea, season } = reward;
    try {
      await this.#state.act(`reward ${rewardId(reward)}`, (once) => this.#podium.claimReward(gameArea, season, once));
    } catch (error) {
      if (error.code === "in_review" && error.claimableAt) reward.claimableAt = error.claimableAt;
      else if (error.code === "claimed") reward.claimed = true;
      else if (error.status === 404 || error.code === "expired") this.#later();
      this.#render();
      throw error;
    }
    reward.claimed = true;
    this.#claimed = rewardId(reward);
    this.#notices.announce(`${prizeWords(reward.prize, this.#catalogue)}: yours.`);
    this.#render();
  }

  /** The newest prize of the board that is to be claimed, or was just now. */
  get #shown() {
    const own = this.#current.filter(({ gameArea }) => gameArea === this.#board?.id);
    return own.find((one) => rewardId(one) === this.#claimed) ?? own.find(({ claimed }) => !claimed);
  }

  /** Those that can be had still come first, the newest of each before the older. */
  get #current() {
    const { now } = this.#podium;
    const current = this.#rewards.filter(({ claimed, expiresAt }) => claimed || expiresAt > now);
    return current.sort((a, b) => Number(a.claimed) - Number(b.claimed) || b.season - a.season);
  }

  #render() {
    const { now } = this.#podium;
    const current = this.#current;
    this.#list.render(current.map((reward) => rewardOffer(reward, now, this.#catalogue)).slice(0, SHOWN));
    element("prizes-part").hidden = current.length === 0;
    const reward = this.#shown;
    element("reward").hidden = !reward;
    if (!reward) return;
    const { note, state, label, reason } = rewardOffer(reward, now, this.#catalogue);
    element("reward").dataset.state = state;
    set("reward-title", state === "done" ? "It is yours" : `Your prize of season ${reward.season}`);
    set("reward-note", note);
    set("reward-reason", reason);
    const button = element("claim-reward");
    set("claim-reward", label);
    button.setAttribute("aria-disabled", String(state !== "ready"));
  }
}

/** Change a text only where it is another: a screen reader may be in it. */
function set(id, text) {
  if (element(id).textContent !== text) element(id).textContent = text;
}
