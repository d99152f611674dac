/**
 * The line that says how many of the player's scores wait for the network, and what becomes of them.
 *
 * @param {import("../podium.js").Podium} podium
 * @param {import("./playerState.js").PlayerState} state
 * @param {{announce: (message: string) => void, error: (error: Error) => void}} notices
 * @param {HTMLElement} line
 */
export function showWaitingScores(podium, state, notices, line) {
  function show(waiting) {
    line.hidden = waiting.length === 0;
    line.textContent = wording(waiting.length);
    if (!line.hidden) notices.announce(line.textContent);
  }

  podium.on("waiting", show);
  podium.on("score", ({ player, gameArea, best, error, ...score }) => {
    if (score.state === "dropped") notices.error(error);
    if (score.state !== "sent" || player !== podium.user?.id) return;
    state.scored(gameArea, best);
    if (podium.waitingScores.length === 0) notices.announce("Your scores have been sent.");
  });
  show(podium.waitingScores);
}

export function wording(count) {
  if (count === 0) return "";
  return count === 1
    ? "1 score is waiting for the network. It is sent by itself."
    : `${count} scores are waiting for the network. They are sent by themselves.`;
}
