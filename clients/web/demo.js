import { Podium } from "./podium.js";
import { AccountDialog } from "./demo/accountDialog.js";
import { BoardScreen } from "./demo/boardScreen.js";
import { identicon } from "./demo/identicon.js";
import { createNotices } from "./demo/notices.js";
import { Stage } from "./demo/stage.js";
import { createTabs } from "./demo/tabs.js";

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
  const podium = await Podium.connect(new URL("client-config.json", document.baseURI), { storage: sessionStorage });
  const boards = [...podium.config.gameAreas, { id: "global", title: "All areas", order: "desc" }];
  const screen = new BoardScreen(podium, notices);
  const stage = new Stage(podium, screen, notices);
  const account = new AccountDialog(podium);

  const select = createTabs(element("tabs"), element("panel"), boards, (id) => {
    const board = boards.find((candidate) => candidate.id === id);
    document.body.dataset.area = id;
    screen.show(board);
    stage.show(board);
  });

  function showPlayer() {
    element("player").hidden = !podium.user;
    if (podium.user) {
      document.querySelector(".player-name").textContent = podium.user.username;
      element("player-portrait").innerHTML = identicon(podium.user.id);
    }
    screen.refresh();
    stage.refresh();
  }
  function showState(state) {
    const label = document.querySelector("[data-testid=connection-state]");
    label.textContent = label.dataset.state = state;
    element("reconnecting").hidden = state !== "reconnecting";
  }

  podium.on("state", showState);
  podium.on("user", showPlayer);
  podium.on("announcement", ({ message }) => notices.cheer(message.text ?? JSON.stringify(message)));
  // The banner says already that the server cannot be reached.
  podium.on("error", (error) => error.code === "NetworkError" || notices.error(error));

  onClick("play-guest", async () => {
    await podium.playAsGuest();
    element("start-game").focus();
  });
  onClick("sign-out", async () => {
    await podium.signOut();
    element("play-guest").focus();
  });
  element("sign-in").addEventListener("click", () => account.open());
  element("reconnect").addEventListener("click", () => podium.reconnect());

  select(boards[0].id);
  showPlayer();
}

start().catch(notices.error);
