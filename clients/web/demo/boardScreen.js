import { BoardView } from "./boardView.js";
import { ordinal } from "./format.js";
import { OwnPlace } from "./ownPlace.js";
import { makesTheBoard, ScoreToScreen } from "./scoreToScreen.js";

const element = (id) => document.getElementById(id);

/** The board that is chosen: live for a player, read once for a visitor. */
export class BoardScreen {
  #podium;
  #notices;
  #view;
  #board;
  #unsubscribe = () => {};
  #entries = [];
  #size = 0; // the most entries that the board shows
  #generation = 0; // grows with each refresh; an answer of an older one is dropped
  #place;
  toScreen = new ScoreToScreen(
    () => performance.now(),
    (text) => (element("score-to-screen").textContent = text),
  );

  constructor(podium, state, notices) {
    this.#podium = podium;
    this.#notices = notices;
    this.#view = new BoardView(element("rows"), (key, size) => podium.portraitUrl(key, size));
    this.#place = new OwnPlace(podium, state, element("own-place"), element("own-rows"));
  }

  /** The player's own entry, while it is among those shown. */
  get own() {
    return this.#entries.find(({ userId }) => userId === this.#podium.user?.id);
  }

  show(board) {
    this.#board = board;
    element("board-title").textContent = board.title;
    this.refresh();
  }

  /** Clears the screen and loads the board for the current player. */
  refresh() {
    this.#unsubscribe();
    this.#unsubscribe = () => {};
    this.#generation += 1;
    this.#entries = [];
    this.#size = this.#board.size;
    this.#view.clear();
    this.#place.begin(this.#board);
    this.toScreen.cancel();
    element("empty").hidden = true;
    element("board-foot").textContent = "Loading …";
    if (this.#podium.user) this.#subscribe();
    else this.#readOnce();
  }

  /** Whether a new best of the player's is, or will be, among the entries shown. */
  shows(run) {
    const { order, tiebreak } = this.#board;
    return Boolean(this.own) || makesTheBoard(run, { entries: this.#entries, size: this.#size, order, tiebreak });
  }

  #subscribe() {
    this.#unsubscribe = this.#podium.subscribe(this.#board.id, (update) => {
      const before = this.own?.rank;
      this.#size = update.size;
      this.#render(update.entries);
      element("board-foot").textContent = `Live · top ${update.size} · version ${update.version}`;
      if (!this.own) return;
      afterPaint(() => this.toScreen.rendered(this.own));
      if (before && before !== this.own.rank) this.#notices.announce(`You are now ${ordinal(this.own.rank)}.`);
    });
  }

  async #readOnce() {
    const generation = this.#generation;
    try {
      const { entries } = await this.#podium.leaderboard(this.#board.id, { limit: this.#board.size });
      if (generation !== this.#generation) return;
      this.#render(entries);
      element("board-foot").textContent = "A still picture. Play or sign in to see it move.";
    } catch (error) {
      if (generation !== this.#generation) return;
      element("board-foot").textContent = "";
      this.#notices.error(error);
    }
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

  #render(entries) {
    this.#entries = entries;
    const { order, tiebreak } = this.#board;
    this.#view.render(entries, { order, own: this.#podium.user?.id, tiebreak });
    element("empty").hidden = entries.length > 0;
    this.#place.see(entries);
  }
}

/** After the frame in which the page's present state is painted; at once in a window that paints none. */
function afterPaint(act) {
  if (document.hidden) act();
  else requestAnimationFrame(() => setTimeout(act));
}
