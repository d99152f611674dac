import { formatScore, formatTiebreak } from "./format.js";
import { showPortrait } from "./portraitImage.js";

const SLIDE = { duration: 480, easing: "cubic-bezier(0.2, 0.8, 0.2, 1)" };

/** The list of a board's entries. Rows are kept and moved, so that each slides from its old rank to its new one. */
export class BoardView {
  #list;
  #portraitUrl;
  #rows = new Map();
  #slides = [];
  #calm = matchMedia("(prefers-reduced-motion: reduce)");

  /**
   * @param {HTMLOListElement} list
   * @param {(key: string, size: number) => string} portraitUrl
   */
  constructor(list, portraitUrl) {
    this.#list = list;
    this.#portraitUrl = portraitUrl;
  }

  clear() {
    this.#rows.clear();
    this.#list.replaceChildren();
  }

  /**
   * Shows the entries, in their order. Whatever was not there before, or is other than before, flashes; but for the
   * first entries after a `clear`.
   *
   * @param {object[]} entries
   * @param {object} options
   * @param {"desc" | "asc"} options.order
   * @param {?string} options.own the user id whose row is marked
   * @param {{name: string}} [options.tiebreak] the board's, which is shown with each score
   */
  render(entries, { order, own, tiebreak }) {
    const first = this.#rows.size === 0;
    const animated = !first && !this.#calm.matches && !document.hidden;
    const places = animated ? this.#places() : null; // as seen now, in the middle of a slide perhaps
    for (const slide of this.#slides.splice(0)) slide.cancel();
    const gone = new Set(this.#rows.keys());
    entries.forEach((entry, index) => {
      gone.delete(entry.userId);
      const row = this.#rows.get(entry.userId) ?? this.#create(entry.userId);
      if (this.#list.children[index] !== row) this.#list.insertBefore(row, this.#list.children[index] ?? null);
      showPortrait(row.querySelector(".portrait"), entry, this.#portraitUrl, { testid: "row-portrait" });
      fill(row, entry, { order, own: entry.userId === own, tiebreak, quiet: first });
    });
    for (const userId of gone) {
      this.#rows.get(userId).remove();
      this.#rows.delete(userId);
    }
    if (animated) this.#slide(places);
  }

  #create(userId) {
    const row = document.createElement("li");
    row.className = "row";
    row.dataset.userId = userId;
    row.innerHTML = `<span class="rank"></span><span class="portrait" aria-hidden="true"></span>
      <span class="name"></span><span class="result"><span><span class="moved" aria-hidden="true"></span><span
      class="score"></span></span><span class="tiebreak"></span></span>`;
    this.#rows.set(userId, row);
    return row;
  }

  #places() {
    return new Map([...this.#rows.values()].map((row) => [row, row.getBoundingClientRect().top]));
  }

  // FLIP (https://aerotwist.com/blog/flip-your-animations/): the rows are in their new places already; each begins
  // where it was. All are measured before any is moved, so that the layout is computed once.
  #slide(places) {
    const moves = [...this.#places()].map(([row, top]) => [row, places.get(row) - top]);
    for (const [row, distance] of moves) {
      if (Number.isNaN(distance)) this.#slides.push(row.animate({ opacity: [0, 1] }, SLIDE));
      else if (distance) this.#slides.push(row.animate({ transform: [`translateY(${distance}px)`, "none"] }, SLIDE));
    }
  }
}

function fill(row, { rank, name, avatar, score, achievedAt, tiebreak }, { order, own, tiebreak: rule, quiet }) {
  const [before, state] = [Number(row.dataset.rank), `${score} ${tiebreak} ${achievedAt} ${avatar} ${name}`];
  const changed = row.dataset.state !== state;
  const turned = row.hasAttribute("aria-current") !== own; // another player has signed in
  row.dataset.rank = rank;
  row.dataset.score = score;
  row.dataset.state = state;
  if (own) row.setAttribute("aria-current", "true");
  else row.removeAttribute("aria-current");
  row.querySelector(".rank").textContent = rank;
  if (!changed && !turned) return;
  row.querySelector(".name").textContent = name;
  if (own) row.querySelector(".name").insertAdjacentHTML("beforeend", '<span class="you">you</span>');
  row.querySelector(".score").textContent = formatScore(order, score);
  row.querySelector(".tiebreak").textContent = rule ? formatTiebreak(rule, tiebreak) : "";
  if (changed && !quiet) flash(row, before - rank);
}

function flash(row, climbed) {
  row.classList.remove("changed");
  const moved = row.querySelector(".moved");
  const arrow = moved.cloneNode(); // a new element restarts its animation
  arrow.textContent = climbed > 0 ? `▲ ${climbed}` : "";
  moved.replaceWith(arrow);
  void row.offsetWidth; // restarts the flash of a row that changes twice in a second
  row.classList.add("changed");
}
