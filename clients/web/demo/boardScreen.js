import { BoardView } from "./boardView.js";
import { ordinal } from "./format.js";
import { OwnPlace } from "./ownPlace.js";
import { makesTheBoard, ScoreToScreen } from "./scoreToScreen.js";

const element = (id) => document.getElementById(id);

/** The board that is chosen, live: for a player, and for a visitor. */
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
    this.#unsubscribe();
    this.#board = board;
    this.#entries = [];
    this.#size = board.size;
    this.#isThere = false;
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
    if (this.#isThere) this.#render(this.#entries);
  }

  /** Whether a new best of the player's is, or will be, among the entries shown. */
  shows(run) {
    const { order, tiebreak } = this.#board;
    return Boolean(this.own) || makesTheBoard(run, { entries: this.#entries, size: this.#size, order, tiebreak });
  }

  #updated({ entries, size, epoch, version }) {
    const before = this.own?.rank;
    this.#size = size;
    this.#isThere = true;
    this.#render(entries);
    const how = epoch === null ? "Read every 15 seconds" : "Live";
    element("board-foot").textContent = `${how} · top ${size} · version ${version}`;
    if (!this.own) return;
    afterPaint(() => this.toScreen.rendered(this.own));
    if (before && before !== this.own.rank) this.#notices.announce(`You are now ${ordinal(this.own.rank)}.`);
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
