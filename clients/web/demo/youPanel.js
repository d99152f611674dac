import { AccountCard } from "./accountCard.js";
import { DeleteAccount } from "./deleteAccount.js";
import { levelSpan, roundsPlayed, shopOffer, taskOffer, unlockOffer, utcDay } from "./economy.js";
import { formatNumber } from "./format.js";
import { OfferList } from "./offerList.js";
import { showPortrait } from "./portraitImage.js";
import { PortraitPicker } from "./portraitPicker.js";
import { ProfileForm } from "./profileForm.js";

const element = (id) => document.getElementById(id);

/** The player at the page's head, and the panel in the stage's place that has all that is theirs. */
export class YouPanel {
  #podium;
  #state;
  #catalogue;
  #notices;
  #onToggle;
  #parts;
  #tasks;
  #unlocks;
  #shop;

  /**
   * @param {import("../podium.js").Podium} podium
   * @param {import("./playerState.js").PlayerState} state
   * @param {import("../podium/rest.js").Catalogue} catalogue
   * @param {object} notices
   * @param {import("./seasonRewards.js").SeasonRewards} rewards
   * @param {(step: string) => void} onAccount opens the account dialog
   * @param {(open: boolean) => void} onToggle makes room for the panel, or takes it back
   */
  constructor(podium, state, catalogue, notices, rewards, onAccount, onToggle) {
    this.#podium = podium;
    this.#state = state;
    this.#catalogue = catalogue;
    this.#notices = notices;
    this.#onToggle = onToggle;
    const offers = (id, name, act) =>
      new OfferList(element(id), name, async (offer) => {
        const { money } = await state.act(`${name} ${offer}`, (once) => act(offer, once));
        notices.announce(`Done. You have ${formatNumber(money)} coins.`);
      });
    this.#tasks = offers("tasks", "task", (id, once) => podium.completeTask(id, once));
    this.#unlocks = offers("unlocks", "unlock", (id, once) => podium.unlock(id, once));
    this.#shop = offers("shop", "buy", (id, once) => podium.buy(id, 1, once));
    this.#parts = {
      rewards,
      account: new AccountCard(podium, onAccount),
      name: new ProfileForm(podium, state),
      portrait: new PortraitPicker(podium, state),
      deletion: new DeleteAccount(podium, () => {
        notices.cheer("Your account is deleted.");
        element("play-guest").focus();
      }),
    };
    element("open-you").addEventListener("click", () => (this.isOpen ? this.close() : this.open()));
    element("close-you").addEventListener("click", () => this.close());
    element("you").addEventListener("keydown", ({ key, defaultPrevented }) => {
      if (key === "Escape" && !defaultPrevented) this.close();
    });
    state.onChange(() => this.render());
  }

  get isOpen() {
    return !element("you").hidden;
  }

  open() {
    this.#show(true);
    element("you").focus();
    this.#state.load().catch(this.#notices.error);
  }

  close() {
    if (!this.isOpen) return;
    this.#show(false);
    element("open-you").focus();
  }

  /** Closes without a word, because something else is shown. */
  leave() {
    if (this.isOpen) this.#show(false);
  }

  #show(open) {
    for (const part of [...Object.values(this.#parts), this.#tasks, this.#unlocks, this.#shop]) part.clear();
    element("you").hidden = !open;
    element("open-you").setAttribute("aria-expanded", open);
    this.#onToggle(open);
  }

  render() {
    const { user } = this.#podium;
    element("player").hidden = !user;
    if (!user) return;
    this.#parts.account.render();
    const { profile, progress } = this.#state;
    element("player-name").textContent = profile?.name ?? user.username;
    const player = profile ?? { userId: user.id, avatar: null };
    showPortrait(element("player-portrait"), player, (...which) => this.#podium.portraitUrl(...which));
    element("player-money").hidden = !progress;
    element("you-body").hidden = !profile || !progress;
    element("you-loading").hidden = Boolean(profile && progress);
    if (profile) {
      this.#parts.name.render(profile);
      this.#parts.portrait.render(profile);
    }
    if (progress) this.#renderProgress(progress);
  }

  #renderProgress(progress) {
    const { money, level, xp, checkpoint } = progress;
    element("player-coins").textContent = element("money").textContent = formatNumber(money);
    element("level").textContent = level;
    element("xp").textContent = formatNumber(xp);
    const catalogue = this.#catalogue;
    const { to, share } = levelSpan(catalogue, progress);
    element("xp-goal").textContent = to === null ? "xp, the last level" : `of ${formatNumber(to)} xp`;
    element("xp-bar").value = share;
    const rounds = roundsPlayed(checkpoint);
    element("rounds").textContent = `${formatNumber(rounds)} ${rounds === 1 ? "round" : "rounds"} played`;
    const today = utcDay(Date.now());
    this.#tasks.render(catalogue.tasks.map((task) => taskOffer(task, progress, today, catalogue)));
    this.#unlocks.render(catalogue.unlocks.map((unlock) => unlockOffer(unlock, progress, catalogue)));
    this.#shop.render(this.#state.shop.map((item) => shopOffer(item, progress, catalogue)));
  }
}
