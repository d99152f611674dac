import { PADS, Sprint, TARGETS } from "./sprintRules.js";

/** By place on the keyboard, whatever its layout prints on them. */
const KEYS = ["KeyQ", "KeyW", "KeyE", "KeyA", "KeyS", "KeyD", "KeyZ", "KeyX", "KeyC"];

/**
 * The time trial, with a pointer or the nine keys at the keyboard's left.
 *
 * @param {HTMLElement} arena where the game is drawn
 * @param {AbortSignal} signal ends the game
 * @returns {Promise<?{score: number, hits: number, misses: number}>} the score in milliseconds; null when the player
 *   gave up, or the game was ended
 */
export function playSprint(arena, signal) {
  const pads = KEYS.map((key) => `<button class="pad" type="button" data-testid="pad">${key.at(-1)}</button>`);
  arena.innerHTML = `
    <div class="gauges"><strong class="clock">0.0 s</strong><span class="left"></span></div>
    <div class="pads" tabindex="-1">${pads.join("")}</div>
    <button class="quiet give-up" type="button">Give up</button>`;
  const buttons = [...arena.querySelectorAll(".pad")];
  const [clock, left] = [arena.querySelector(".clock"), arena.querySelector(".left")];
  const sprint = new Sprint(Math.random);
  arena.querySelector(".pads").focus();

  return new Promise((resolve) => {
    const abort = new AbortController();
    function finish(run) {
      abort.abort();
      resolve(run);
    }
    function light() {
      buttons.forEach((button, pad) => button.classList.toggle("lit", pad === sprint.lit));
      left.textContent = `${sprint.left} to go`;
    }
    function hit(pad) {
      const now = performance.now();
      const right = sprint.hit(pad, now);
      buttons.forEach((button, index) => button.classList.toggle("wrong", !right && index === pad));
      light();
      if (sprint.finished) finish({ score: Math.max(1, sprint.time(now)), hits: TARGETS, misses: sprint.wrong });
    }
    function tick() {
      if (abort.signal.aborted) return;
      clock.textContent = `${(sprint.time(performance.now()) / 1000).toFixed(1)} s`;
      requestAnimationFrame(tick);
    }
    const on = (target, type, act) => target.addEventListener(type, act, { signal: abort.signal });
    for (let pad = 0; pad < PADS; pad++) {
      on(buttons[pad], "pointerdown", () => hit(pad));
      // A click that no pointer made: Enter, or a screen reader.
      on(buttons[pad], "click", (event) => event.detail === 0 && hit(pad));
    }
    on(document, "keydown", (event) => {
      const pad = KEYS.indexOf(event.code);
      if (event.key === "Escape") finish(null);
      else if (pad >= 0 && !event.repeat && !event.ctrlKey && !event.metaKey) hit(pad);
    });
    on(arena.querySelector(".give-up"), "click", () => finish(null));
    on(signal, "abort", () => finish(null));
    light();
    tick();
  });
}
