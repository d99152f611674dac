import { Podium } from "./podium.js";
import { AccountDialog } from "./demo/accountDialog.js";
import { BoardFinder } from "./demo/boardFinder.js";
import { BoardScreen } from "./demo/boardScreen.js";
import { createNotices } from "./demo/notices.js";
import { showOverlay } from "./demo/overlay.js";
import { PlayerState } from "./demo/playerState.js";
import { SeasonRewards } from "./demo/seasonRewards.js";
import { Stage } from "./demo/stage.js";
import { createTabs, TABS } from "./demo/tabs.js";
import { showWaitingScores } from "./demo/waitingScores.js";
import { YouPanel } from "./demo/youPanel.js";

const element = (id) => document.getElementById(id);
const notices = createNotices();

/** Runs what a button asks for, once at a time, and shows what goes wrong. */
function onClick(id, act) {
  const button = element(id);
  button.addEventListener("click", async () => {
    button.disabled = true;
    notices.clear();
    await act().catch(notices.error);
    button.disabled = false;
  });
}

async function start() {
  // A session's storage is a window's own, so that two windows are two players.
  const storage = () => sessionStorage;
  const podium = await Podium.connect(new URL("client-config.json", document.baseURI), { storage });
  const catalogue = await podium.catalogue();
  const { boards } = catalogue;
  const state = new PlayerState(podium);
  const rewards = new SeasonRewards(podium, state, catalogue, notices);
  const screen = new BoardScreen(podium, state, catalogue, notices, rewards);
  const stage = new Stage(podium, state, catalogue, screen, notices);
  const openAccount = (step) => account.open(step);
  const you = new YouPanel(podium, state, catalogue, notices, rewards, openAccount, (open) => stage.vacate(open));
  const account = new AccountDialog(podium, (said) => {
    you.render();
    if (said) notices.cheer(said);
    // The button that opened the dialog may be gone.
    const { activeElement } = document;
    if (!activeElement?.checkVisibility() || activeElement === document.body) element("panel").focus();
  });

  const select = createTabs(element("tabs"), element("panel"), boards, (board, accent) => {
    document.body.dataset.accent = accent;
    you.leave();
    screen.show(board);
    stage.show(board);
  });

  if (boards.length > TABS) new BoardFinder(element("finder"), boards, select);

  function showPlayer() {
    you.leave();
    you.render();
    state.load().catch(notices.error);
    rewards.playerChanged();
    screen.refresh();
    stage.refresh();
  }
  function showConnection(connection) {
    const label = document.querySelector("[data-testid=connection-state]");
    label.dataset.state = connection;
    label.textContent = connection === "polling" ? "every 15 seconds" : connection;
    element("reconnecting").hidden = connection !== "reconnecting";
  }

  podium.on("state", showConnection);
  podium.on("user", showPlayer);
  podium.on("avatar", () => state.refreshProfile().catch(notices.error));
  podium.on("announcement", ({ message }) => notices.cheer(message.text ?? JSON.stringify(message)));
  // The banner says already that the server cannot be reached.
  podium.on("error", (error) => error.code === "NetworkError" || notices.error(error));

  showWaitingScores(podium, state, notices, element("waiting-scores"));

  onClick("play-guest", async () => {
    await podium.playAsGuest();
    element("start-game").focus();
  });
  onClick("sign-out", async () => {
    if (podium.isGuest) return account.open("leave");
    await podium.signOut();
    element("play-guest").focus();
  });
  element("sign-in").addEventListener("click", () => account.open());
  // Until now a click would have been lost.
  element("play-guest").disabled = element("sign-in").disabled = false;
  element("reconnect").addEventListener("click", () => podium.reconnect());

  podium.watch();
  select(boards[0].id);
  showPlayer();
}

const query = new URLSearchParams(location.search);
if (query.has("overlay")) showOverlay(query);
else start().catch(notices.error);
