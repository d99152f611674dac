import { BoardView } from "./boardView.js";
import { ordinal } from "./format.js";
import { OwnPlace } from "./ownPlace.js";
import { makesTheBoard, ScoreToScreen } from "./scoreToScreen.js";
import { SeasonPanel } from "./seasonPanel.js";

const element = (id) => document.getElementById(id);

const noScores = (where) => `No player has scored ${where} yet. The top is yours for the taking.`;

/** The board that is chosen, live: for a player, and for a visitor; or one of its past seasons. */
export class BoardScreen {
  #podium;
  #notices;
  #view;
  #board;
  #unsubscribe = () => {};
  #entries = [];
  #size = 0; // the most entries that the board shows
  #isThere = false; // the board has come
  #generation = 0; // grows with each refresh; an answer of an older one is dropped
  #place;
  #season;
  #rewards;
  #open = 0; // the season that is open, on a board that has them
  #past = null; // the past season that is shown
  toScreen = new ScoreToScreen(
    () => performance.now(),
    (text) => (element("score-to-screen").textContent = text),
  );

  constructor(podium, state, catalogue, notices, rewards) {
    this.#podium = podium;
    this.#notices = notices;
    this.#view = new BoardView(element("rows"), (key, size) => podium.portraitUrl(key, size));
    this.#place = new OwnPlace(podium, state, element("own-place"), element("own-rows"));
    this.#rewards = rewards;
    this.#season = new SeasonPanel(podium, catalogue, notices, (season) => this.#choose(season));
  }

  /** The player's own entry, while it is among those shown. */
  get own() {
    return this.#entries.find(({ userId }) => userId === this.#podium.user?.id);
  }

  show(board) {
    this.#unsubscribe();
    this.#board = board;
    this.#entries = [];
    this.#size = board.size;
    this.#isThere = false;
    this.#past = null;
    this.#season.show(board);
    this.#rewards.show(board);
    this.#view.clear();
    element("board-title").textContent = board.title;
    element("empty").hidden = true;
    element("board-foot").textContent = "Loading …";
    this.refresh();
    this.#unsubscribe = this.#podium.subscribe(board.id, (update) => this.#updated(update));
  }

  /** Shows the same board to the current player, or to a visitor: it stays as it is, and moves on. */
  refresh() {
    this.#generation += 1;
    this.#place.begin(this.#board);
    this.toScreen.cancel();
    if (this.#isThere && !this.#past) this.#render();
  }

  /** Whether a new best of the player's is, or will be, among the entries shown. */
  shows(run) {
    const { order, tiebreak } = this.#board;
    return Boolean(this.own) || makesTheBoard(run, { entries: this.#entries, size: this.#size, order, tiebreak });
  }

  #updated(update) {
    const { entries, size, epoch, version } = update;
    const before = this.own?.rank;
    const hasTurned = this.#season.see(update, this.#entries);
    this.#open = update.season ?? 0;
    this.#entries = entries;
    this.#size = size;
    this.#isThere = true;
    if (hasTurned) {
      this.#rewards.turned();
      this.#place.begin(this.#board);
      this.toScreen.cancel();
    }
    if (this.#past) return;
    this.#render();
    const how = epoch === null ? "Read every 15 seconds" : "Live";
    element("board-foot").textContent = `${how} · top ${size} · version ${version}`;
    if (!this.own) return;
    afterPaint(() => this.toScreen.rendered(this.own));
    if (before && before !== this.own.rank && !hasTurned) this.#notices.announce(`You are now ${ordinal(this.own.rank)}.`);
  }

  /** Looks up the place of a player who has a score, though not among the entries shown. */
  async findRank() {
    const generation = this.#generation;
    try {
      await this.#place.look();
    } catch (error) {
      if (generation === this.#generation) this.#notices.error(error);
    }
  }

  /** Shows a past season, or the open one again. */
  async #choose(season) {
    this.#past = season;
    this.#generation += 1;
    this.#view.clear();
    if (!season) {
      this.#place.begin(this.#board);
      this.#render();
      element("board-foot").textContent = `Live · top ${this.#size}`;
      return;
    }
    const generation = this.#generation;
    this.#place.begin(this.#board);
    element("empty").hidden = true;
    element("board-foot").textContent = "Loading …";
    try {
      const page = { season: season.season, limit: this.#size };
      const { entries } = await this.#podium.leaderboard(this.#board.id, page);
      if (generation !== this.#generation) return;
      this.#draw(entries, "No player scored in this season.");
      const isFinal = season.state === "closed" ? "Final" : "In review: moderators may still remove scores";
      element("board-foot").textContent = `${isFinal} · top ${this.#size}`;
    } catch (error) {
      if (generation === this.#generation) this.#notices.error(error);
    }
  }

  #render() {
    this.#draw(this.#entries, noScores(this.#open > 0 ? `in season ${this.#open}` : "here"));
    this.#place.see(this.#entries, this.#size);
  }

  #draw(entries, whenEmpty) {
    const { order, tiebreak } = this.#board;
    this.#view.render(entries, { order, own: this.#podium.user?.id, tiebreak });
    element("empty").textContent = whenEmpty;
    element("empty").hidden = entries.length > 0;
  }
}

/** After the frame in which the page's present state is painted; at once in a window that paints none. */
function afterPaint(act) {
  if (document.hidden) act();
  else requestAnimationFrame(() => setTimeout(act));
}
