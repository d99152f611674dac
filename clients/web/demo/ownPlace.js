import { BoardView } from "./boardView.js";
import { formatNumber, ordinal, share } from "./format.js";

const NEIGHBOURS = 2;
const FRESH_MS = 10_000; // between two looks at a place that no frame tells

/**
 * The player's own place: from the board where it is among the entries shown, else looked up, with the neighbours
 * above and below. A place that was looked up is looked up again every ten seconds, while the page can be seen.
 */
export class OwnPlace {
  #podium;
  #state;
  #text;
  #list;
  #view;
  #board = null;
  #shown = null; // the entries that the board shows; null until they have come
  /** The answer to the last look; null where the player is among the entries shown, or it is not known. */
  #place = null;
  #isFull = false; // whether the board has no room: else every player who has a score is shown
  #isNone = false; // the last look found no score of the player's
  #asked = false; // whether the place was looked up since the player was last among the entries shown
  #generation = 0; // grows with each board; an answer about an older one is dropped

  /**
   * @param {import("../podium.js").Podium} podium
   * @param {import("./playerState.js").PlayerState} state tells whether the player has a score
   * @param {HTMLElement} text has the place in words
   * @param {HTMLOListElement} list has the neighbours
   */
  constructor(podium, state, text, list) {
    this.#podium = podium;
    this.#state = state;
    this.#text = text;
    this.#list = list;
    this.#view = new BoardView(list, (key, size) => podium.portraitUrl(key, size));
    state.onChange(() => this.#lookOnce());
    setInterval(() => this.#lookAgain(), FRESH_MS);
    document.addEventListener("visibilitychange", () => this.#lookAgain());
  }

  /** Forgets the place, and begins with another board, or for another player. */
  begin(board) {
    this.#generation += 1;
    this.#board = board;
    this.#shown = null;
    this.#place = null;
    this.#isFull = false;
    this.#isNone = false;
    this.#asked = false;
    this.#view.clear();
    this.#draw();
  }

  /**
   * Takes the entries that the board shows now; looks the place up if the player is not among them.
   *
   * @param {object[]} entries
   * @param {number} size the most entries that the board shows
   */
  see(entries, size) {
    this.#shown = entries;
    this.#isFull = entries.length >= size;
    if (this.#own) {
      this.#place = null;
      this.#asked = false;
    }
    this.#lookOnce();
    this.#draw();
  }

  /** Looks the place up. Rejects where there is no answer. */
  async look() {
    const generation = this.#generation;
    this.#asked = true;
    const place = await this.#podium.rank(this.#board.id, NEIGHBOURS).catch((error) => {
      if (generation === this.#generation) this.#isNone = error.status === 404;
      throw error;
    });
    if (generation !== this.#generation || this.#own) return;
    this.#isNone = false;
    this.#place = place;
    this.#draw();
  }

  get #own() {
    return this.#shown?.find(({ userId }) => userId === this.#podium.user?.id);
  }

  /** Whether there is a place to be looked up. */
  get #isBelow() {
    const bests = this.#state.progress?.bests;
    const scored = bests && this.#board?.areas.some((area) => Object.hasOwn(bests, area));
    return Boolean(this.#podium.user && this.#shown && this.#isFull && !this.#isNone && !this.#own && scored);
  }

  #lookOnce() {
    if (this.#isBelow && !this.#asked) this.look().catch(() => {});
  }

  #lookAgain() {
    // What could not be told stays as it was until the next look.
    if (this.#isBelow && !document.hidden) this.look().catch(() => {});
  }

  #draw() {
    const { rank, of, top } = this.#place ?? {};
    if (this.#own) this.#text.textContent = `You are ${ordinal(this.#own.rank)}`;
    else this.#text.textContent = rank ? `You: ${formatNumber(rank)} of ${formatNumber(of)}, ${share(top)}` : "";
    const above = new Set(this.#shown?.map(({ userId }) => userId));
    const entries = (this.#place?.entries ?? []).filter(({ userId }) => !above.has(userId));
    this.#list.hidden = entries.length === 0;
    const { order, tiebreak } = this.#board ?? {};
    this.#view.render(entries, { order, own: this.#podium.user?.id, tiebreak });
  }
}
