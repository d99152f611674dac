import { formatScore, ordinal } from "./format.js";
import { showPortrait } from "./portraitImage.js";
import { formatLeft, formatMoment, spanOf, tierWords, warning } from "./seasonWords.js";

const element = (id) => document.getElementById(id);

/** Places on the podium. */
const PODIUM = 3;
/** Milliseconds within which the windows that saw a season end look at it again: late runs and moderators change it. */
const AGAIN_MS = [3_000, 20_000];

/**
 * What a board with seasons has besides its rows: how long the season goes on, what it brings, the podium of the one
 * before, and the way to older ones.
 */
export class SeasonPanel {
  #podium;
  #catalogue;
  #notices;
  #choose;
  #board = null;
  #now = null; // the season that is open, as the board's last update says
  #seasons = []; // those that are over and can be read, newest first
  #generation = 0; // grows with each board and season; an answer for an older one is dropped
  #left = Infinity; // of the season, when the clock was last drawn
  #again = null;

  /**
   * @param {import("../podium.js").Podium} podium
   * @param {import("../podium/rest.js").Catalogue} catalogue
   * @param {{announce: (message: string) => void}} notices
   * @param {(season: ?import("../podium/rest.js").Season) => void} choose called with the season to be shown; null for
   *   the open one
   */
  constructor(podium, catalogue, notices, choose) {
    this.#podium = podium;
    this.#catalogue = catalogue;
    this.#notices = notices;
    this.#choose = choose;
    const select = element("season-select");
    select.addEventListener("change", () => this.#chosen(Number(select.value)));
    element("podium-more").addEventListener("click", () => {
      select.value = String(this.#seasons[0].season);
      this.#chosen(this.#seasons[0].season);
      select.focus();
    });
    const tick = () => {
      this.#drawClock();
      // In step with the clock, so that each second is shown once.
      const left = this.#now?.endsAt ? this.#now.endsAt - this.#podium.now : 0;
      setTimeout(tick, left > 0 ? left % 1000 || 1000 : 1000);
    };
    tick();
  }

  /** Begins with another board, which may have no seasons. */
  show(board) {
    this.#generation += 1;
    clearTimeout(this.#again);
    this.#board = board;
    this.#now = null;
    this.#seasons = [];
    this.#left = Infinity;
    element("season").hidden = !board.season;
    element("podium").hidden = true;
    const prizes = tierWords(board.prizes, this.#catalogue);
    element("season-prizes").textContent = prizes && `Prizes: ${prizes}`;
    element("season-prizes").hidden = !prizes;
    this.#draw();
  }

  /**
   * Takes what an update of the board says of its season.
   *
   * @param {import("../podium.js").Update} update
   * @param {object[]} before the entries that the board had until now
   * @returns {boolean} whether a season has begun
   */
  see({ season, startsAt = null, endsAt = null }, before) {
    if (season === undefined) return false;
    const old = this.#now;
    this.#now = { season, startsAt, endsAt };
    const hasTurned = old !== null && season > old.season;
    if (hasTurned) this.#turned(old, before);
    else if (old === null) this.#load();
    this.#draw();
    return hasTurned;
  }

  /** The season that has just ended is the newest of the past; its podium is known, if nothing was missed. */
  #turned(old, before) {
    this.#generation += 1;
    this.#left = Infinity;
    if (old.season > 0 && old.endsAt === null) old.endsAt = this.#now.startsAt;
    this.#seasons = [{ ...old, state: "review" }, ...this.#seasons.filter(({ season }) => season !== old.season)];
    this.#drawPodium(this.#now.season === old.season + 1 ? before.slice(0, PODIUM) : []);
    const words = `Season ${this.#now.season} has begun: the board is empty.`;
    this.#notices.announce(before[0] ? `${words} ${before[0].name} has won season ${old.season}.` : words);
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.#load(), AGAIN_MS[0] + Math.random() * (AGAIN_MS[1] - AGAIN_MS[0]));
  }

  async #load() {
    const generation = this.#generation;
    const isOld = () => generation !== this.#generation;
    try {
      const { seasons } = await this.#podium.seasons(this.#board.id);
      if (isOld()) return;
      this.#seasons = seasons.filter(({ season }) => season < this.#now.season);
      this.#draw();
      if (this.#seasons.length === 0) return;
      const [{ season }] = this.#seasons;
      const { entries } = await this.#podium.leaderboard(this.#board.id, { season, limit: PODIUM });
      if (!isOld()) this.#drawPodium(entries);
    } catch (error) {
      console.warn(error.message); // the board is live all the same
    }
  }

  #chosen(season) {
    const past = this.#seasons.find((one) => one.season === season) ?? null;
    element("season").classList.toggle("past", past !== null);
    this.#draw();
    this.#choose(past);
  }

  #draw() {
    if (!this.#now) {
      element("season-select").replaceChildren();
      element("season-select").dataset.options = "";
      element("season-left").textContent = "";
      element("season-says").textContent = "Loading …";
      element("season").classList.remove("past");
      fill(0);
      return;
    }
    this.#drawOptions();
    this.#drawClock();
  }

  #drawOptions() {
    const select = element("season-select");
    const chosen = select.value;
    const { season } = this.#now;
    const isPast = element("season").classList.contains("past");
    const options = [
      [season, season > 0 ? `Season ${season} · now` : "Before the first season"],
      ...this.#seasons.map((one) => [one.season, `${one.season > 0 ? `Season ${one.season} · ` : ""}${spanOf(one)}`]),
    ];
    const text = JSON.stringify(options);
    // Rebuilt only when it changes: it may be open.
    if (select.dataset.options !== text) {
      select.dataset.options = text;
      select.replaceChildren(...options.map(([value, label]) => new Option(label, String(value))));
    }
    select.value = isPast && options.some(([value]) => String(value) === chosen) ? chosen : String(season);
    select.disabled = options.length === 1;
  }

  #drawClock() {
    if (!this.#now || document.hidden) return;
    const { season, startsAt, endsAt } = this.#now;
    const chosen = Number(element("season-select").value);
    const past = this.#seasons.find((one) => one.season === chosen && chosen !== season);
    const left = endsAt === null ? null : endsAt - this.#podium.now;
    if (past) {
      element("season-says").textContent = `Ended ${formatMoment(past.endsAt)}`;
      element("season-left").textContent = "";
    } else {
      element("season-says").textContent = left === null ? "Has just begun" : "Ends in";
      element("season-left").textContent = left === null ? "" : formatLeft(left);
      element("season-left").title = endsAt === null ? "" : formatMoment(endsAt);
    }
    const isTimed = !past && left !== null && startsAt !== null;
    const done = isTimed ? Math.min(1, Math.max(0, 1 - left / (endsAt - startsAt))) : Number(Boolean(past));
    fill(done);
    if (!isTimed) return;
    const words = warning(this.#left, left, endsAt - startsAt);
    if (words) this.#notices.announce(words);
    this.#left = left;
  }

  #drawPodium(entries) {
    const [last] = this.#seasons;
    element("podium").hidden = entries.length === 0;
    element("podium-title").textContent = last?.season > 0 ? `Podium of season ${last.season}` : "The podium before";
    element("podium-steps").replaceChildren(...entries.map((entry) => this.#step(entry)));
  }

  #step(entry) {
    const step = document.createElement("li");
    step.dataset.rank = entry.rank;
    step.dataset.score = entry.score;
    step.innerHTML = `<span class="portrait" aria-hidden="true"></span><span class="name"></span>
      <span class="score"></span><span class="pedestal"></span>`;
    showPortrait(step.querySelector(".portrait"), entry, (key, size) => this.#podium.portraitUrl(key, size));
    step.querySelector(".name").textContent = entry.name;
    step.querySelector(".score").textContent = formatScore(this.#board.order, entry.score);
    step.querySelector(".pedestal").textContent = ordinal(entry.rank);
    return step;
  }
}

/** Fill the bar to a share of its length. Forward it glides, back it jumps. */
function fill(share) {
  const { style } = element("season-done");
  const before = Number(style.getPropertyValue("--done"));
  style.transition = share < before ? "none" : "";
  style.setProperty("--done", share.toFixed(4));
}
