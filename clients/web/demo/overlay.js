import { Podium } from "../podium.js";
import { BoardView } from "./boardView.js";
import { formatLeft } from "./seasonWords.js";
import { accentOf } from "./tabs.js";

/** How many entries are shown where the address does not say: as many as fit beside a picture. */
const TOP = 10;

/** What is said beside the title, by the connection's state; nothing while the board is live. */
const SAID = {
  connecting: "Connecting …",
  reconnecting: "Connection lost, trying again …",
  polling: "every 15 seconds",
  offline: "",
  live: "",
};

const MARKUP = `<main class="overlay" data-testid="overlay">
  <h1><span class="overlay-title"></span> <span class="overlay-left" role="timer"></span> <span class="overlay-said" role="status"></span></h1>
  <ol class="rows" data-testid="board"></ol>
</main>`;

/**
 * Shows a board alone on a transparent page, for a stream: `?overlay=forest`, or `?overlay=forest&top=5`. No player is
 * signed in here, not even one who is elsewhere in this browser; the board is live as for any spectator.
 *
 * @param {URLSearchParams} query `overlay` is the board's id, `top` how many entries are shown
 */
export async function showOverlay(query) {
  document.body.innerHTML = MARKUP;
  const element = (name) => document.querySelector(name);
  const say = (text) => (element(".overlay-said").textContent = text);
  try {
    const podium = await Podium.connect(new URL("client-config.json", document.baseURI), { storage: () => null });
    const { boards } = await podium.catalogue();
    const id = query.get("overlay");
    const index = boards.findIndex((board) => board.id === id);
    if (index < 0) throw new Error(`There is no board “${id}”. There are ${some(boards)}.`);
    const { title, order, tiebreak, size } = boards[index];
    document.title = title;
    document.body.dataset.accent = accentOf(index);
    element(".overlay-title").textContent = title;
    const view = new BoardView(element(".rows"), (key, side) => podium.portraitUrl(key, side));
    const top = Math.max(1, Math.min(size, Number.parseInt(query.get("top"), 10) || TOP));
    podium.on("state", (state) => say(SAID[state]));
    podium.on("error", (error) => console.warn(error.message)); // a stream shows no errors that pass by themselves
    podium.watch();
    let ends = null;
    const tick = () => (element(".overlay-left").textContent = ends === null ? "" : `${formatLeft(ends - podium.now)} left`);
    setInterval(tick, 1000);
    podium.subscribe(id, ({ entries, endsAt = null }) => {
      view.render(entries.slice(0, top), { order, own: null, tiebreak });
      ends = endsAt;
      tick();
    });
  } catch (error) {
    say(error.message);
  }
}

/** The first ids, for a game may have thousands. */
function some(boards) {
  const named = boards.slice(0, TOP).map(({ id }) => id).join(", ");
  return boards.length > TOP ? `${named} and ${boards.length - TOP} more` : named;
}
