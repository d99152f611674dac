import { playDial } from "./dialGame.js";
import { formatScore, formatTiebreak } from "./format.js";
import { Rewards } from "./rewards.js";
import { seededRandom } from "./seededRandom.js";
import { playSprint } from "./sprintGame.js";
import { TARGETS } from "./sprintRules.js";
import { tiebreakOf } from "./tiebreak.js";

const element = (id) => document.getElementById(id);

/** What the lobby says of each kind of play. */
const LOBBIES = {
  desc: {
    kind: "Ten seconds · higher is better",
    how: `Strike while the needle is inside the glowing gate: click, tap, or press <kbd>Space</kbd>. Every hit in a
      row counts more.`,
  },
  asc: {
    kind: "Time trial · lower is better",
    how: `Hit ${TARGETS} pads as they light up: click, tap, or use the nine keys from <kbd>Q</kbd> to
      <kbd>C</kbd>. The clock starts with the first.`,
  },
  gauntlet: {
    kind: "Ten seconds · every run is checked",
    how: `The same needle, faster, and the gate runs ahead of it. The server times each run itself, so a score needs a run
      that was really played: click, tap, or press <kbd>Space</kbd>.`,
  },
  sum: {
    kind: "The sum of your bests",
    how: "This board adds up what you have in several areas. Choose an area above and play.",
  },
};

const attempts = (left) => (left === 1 ? "One attempt is left." : `${left || "No"} attempts are left.`);

/** Whether a board adds up what a player has in several areas, and is not played on itself. */
const isSum = ({ areas }) => areas.length > 1;

/** The left half of the page: welcome, lobby, game, result. */
export class Stage {
  #podium;
  #screen;
  #notices;
  #state;
  #rewards;
  #areas;
  #board;
  #queued = null; // the key of the last run, while it waits for the network
  #visit = new AbortController(); // aborted when something else is shown

  constructor(podium, state, catalogue, screen, notices) {
    this.#podium = podium;
    this.#state = state;
    this.#screen = screen;
    this.#notices = notices;
    this.#areas = new Map(catalogue.areas.map((area) => [area.id, area]));
    this.#rewards = new Rewards(podium, state, catalogue);
    podium.on("score", ({ key, state }) => key === this.#queued && this.#answeredLate(state));
    element("start-game").addEventListener("click", () => this.#play());
    element("play-again").addEventListener("click", () => this.#play());
    element("submit-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const input = element("exact-score");
      const run = { score: Number(input.value) };
      if (this.#tiebreak) run.tiebreak = Number(element("exact-tiebreak").value);
      this.#submit(this.#board, run);
      input.select();
    });
  }

  show(board) {
    this.#board = board;
    const { kind, how } = LOBBIES[isSum(board) ? "sum" : this.#needsRun ? "gauntlet" : board.order];
    element("lobby-kind").textContent = kind;
    element("lobby-title").textContent = board.title;
    element("lobby-how").innerHTML = how;
    element("start-game").hidden = isSum(board);
    element("exact-score-label").textContent = board.order === "asc" ? "Milliseconds" : "Points";
    this.#showTiebreak();
    this.refresh();
  }

  refresh() {
    this.#open(this.#podium.user ? "lobby" : "welcome");
    // Points that were not played for are no run.
    element("stage-foot").hidden = !this.#podium.user || isSum(this.#board);
    element("quick-score").hidden = this.#needsRun;
  }

  /** Ends a game that is being played, and clears the stage for something else or takes it back. */
  vacate(away) {
    this.refresh();
    document.querySelector(".stage").hidden = away;
  }

  #open(part) {
    this.#rewards.clear();
    this.#visit.abort();
    this.#visit = new AbortController();
    element("arena").replaceChildren();
    for (const id of ["welcome", "lobby", "arena", "result"]) element(id).hidden = id !== part;
  }

  /** The rule by which equal scores are ranked, if there is one where the chosen board is played. */
  get #tiebreak() {
    return isSum(this.#board) ? undefined : this.#areas.get(this.#board.areas[0]).tiebreak;
  }

  /** What the area takes a run for: "required", "optional", or "off". */
  get #runs() {
    return isSum(this.#board) ? "off" : (this.#areas.get(this.#board.areas[0]).rules?.run ?? "off");
  }

  get #needsRun() {
    return this.#runs === "required";
  }

  /** Begins a run where the area takes one; null where it can be done without. */
  async #begin(area) {
    if (this.#runs === "off") return null;
    try {
      return await this.#podium.startRun(area);
    } catch (error) {
      if (this.#needsRun) throw error;
      return null; // without a network, say
    }
  }

  #showTiebreak() {
    const rule = this.#tiebreak;
    const input = element("exact-tiebreak");
    element("exact-tiebreak-pair").hidden = input.disabled = !rule; // a form passes over a field that is disabled
    if (!rule) return;
    element("exact-tiebreak-label").textContent = `${rule.name.charAt(0).toUpperCase()}${rule.name.slice(1)}`;
    Object.assign(input, { min: rule.min, max: rule.max, value: rule.min });
  }

  async #play() {
    this.#notices.clear();
    const board = this.#board;
    const { areas: [id], order } = board;
    const before = this.#visit.signal;
    // Where a run can be done without, the game does not wait for it; its dice are then its own.
    const begun = this.#begin(id);
    let dice = Math.random;
    try {
      if (this.#needsRun) dice = seededRandom((await begun).seed);
    } catch (error) {
      if (!before.aborted) this.#notices.error(error);
      return;
    }
    if (before.aborted) return;
    this.#open("arena");
    const { signal } = this.#visit;
    const arena = element("arena");
    const played = order === "asc" ? await playSprint(arena, signal) : await playDial(arena, id, signal, dice);
    if (signal.aborted) return;
    if (played === null) {
      this.refresh();
      element("start-game").focus();
      return;
    }
    const rule = this.#tiebreak;
    const run = { score: played.score, tiebreak: rule && tiebreakOf(played, rule) };
    this.#open("result");
    element("result-points").textContent = formatScore(order, run.score);
    element("result-tiebreak").textContent = rule ? formatTiebreak(rule, run.tiebreak) : "";
    element("result-tiebreak").hidden = !rule;
    element("result-points").focus();
    element("result-verdict").textContent = "Sending …";
    const shown = this.#visit.signal;
    const ticket = await begun;
    const { saved, verdict } = await this.#submit(board, run, ticket);
    const left = saved && ticket?.attemptsLeft !== undefined ? ticket.attemptsLeft - 1 : null;
    element("result-verdict").textContent = left === null ? verdict : `${verdict} ${attempts(left)}`;
    if (saved && !shown.aborted) await this.#rewards.give(id);
  }

  /** Says what became of the last run, which had to wait for the network. */
  #answeredLate(state) {
    this.#queued = null;
    const verdict = state === "sent" ? "Your score has been sent." : "The score was not saved.";
    this.#screen.toScreen.cancel(verdict);
    element("result-verdict").textContent = verdict;
  }

  /** @returns {Promise<{saved: boolean, verdict: string}>} what became of the run */
  async #submit({ id: board, areas: [id], order, season }, { score, tiebreak }, run = null) {
    const { toScreen, own } = this.#screen;
    toScreen.submitted(own);
    this.#queued = null;
    try {
      const answer = await this.#podium.submitScore(id, score, { tiebreak, run: run ?? undefined });
      if (answer.queued) {
        this.#queued = answer.key;
        toScreen.cancel("The score is sent when the network is back.");
        return { saved: false, verdict: "Your score waits for the network." };
      }
      if (answer.verdict === "held") {
        toScreen.cancel("Held: a moderator decides.");
        return { saved: false, verdict: "A moderator looks at this score before it is on a board." };
      }
      this.#state.scored(id, answer.best);
      // On a board with seasons, what counts is the best of this one.
      const here = answer.boards?.find(({ gameArea }) => gameArea === board);
      const [best, improved] = here ? [here.points, here.improved] : [answer.best, answer.improved];
      if (!improved) {
        toScreen.cancel("No new best: the board stays as it is.");
        return { saved: true, verdict: `Your best is still ${formatScore(order, best)}.` };
      }
      if (!this.#screen.shows({ score: best, tiebreak })) {
        toScreen.cancel("Saved, below the places shown here.");
        await this.#screen.findRank();
      }
      return { saved: true, verdict: season ? "Your best of this season!" : "A new personal best!" };
    } catch (error) {
      toScreen.cancel("The score was not saved.");
      this.#notices.error(error);
      return { saved: false, verdict: "The score was not saved." };
    }
  }
}
