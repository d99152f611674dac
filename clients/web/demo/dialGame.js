import { DIALS, Dial, ROUND_MS } from "./dialRules.js";

const RADIUS = 120;

const MARKUP = `
  <div class="gauges"><strong class="total">0</strong><span class="left"></span></div>
  <button class="dial" type="button" aria-label="Strike" data-testid="strike">
    <svg viewBox="-150 -150 300 300" aria-hidden="true">
      <circle class="ring" r="${RADIUS}"/>
      <path class="gate"/>
      <circle class="time" r="98" pathLength="1" stroke-dasharray="1" transform="rotate(-90)"/>
      <g class="hand"><line class="needle" y1="-84" y2="-136"/><circle class="tip" cy="-136" r="6"/></g>
      <text class="gain" y="6">Strike!</text>
      <text class="chain" y="34"></text>
    </svg>
  </button>
  <button class="quiet give-up" type="button">Give up</button>`;

/**
 * Ten seconds of striking, with a pointer, the space bar or Enter.
 *
 * @param {HTMLElement} arena where the game is drawn
 * @param {string} area one of `DIALS`; the forest's dial is that of any other
 * @param {AbortSignal} signal ends the game
 * @param {() => number} [random] from 0 to 1
 * @returns {Promise<?{score: number, hits: number, misses: number}>} null when the player gave up, or the game was ended
 */
export function playDial(arena, area, signal, random = Math.random) {
  arena.innerHTML = MARKUP;
  const names = ["total", "left", "dial", "gate", "time", "hand", "gain", "chain"];
  const part = Object.fromEntries(names.map((name) => [name, arena.querySelector(`.${name}`)]));
  const dial = new Dial(DIALS[area] ?? DIALS.forest, random);
  const started = performance.now();
  const elapsed = () => performance.now() - started;
  part.dial.focus();

  return new Promise((resolve) => {
    const abort = new AbortController();
    const timer = setTimeout(() => finish(dial.run), ROUND_MS);
    function finish(run) {
      abort.abort();
      clearTimeout(timer);
      resolve(run);
    }
    function draw() {
      if (abort.signal.aborted) return;
      const time = elapsed();
      part.hand.setAttribute("transform", `rotate(${dial.needle(time)})`);
      part.gate.setAttribute("d", arc(dial.gate(time), dial.half));
      part.time.setAttribute("stroke-dashoffset", Math.min(1, time / ROUND_MS));
      part.left.textContent = `${Math.max(0, (ROUND_MS - time) / 1000).toFixed(1)} s left`;
      requestAnimationFrame(draw);
    }
    function strike(event) {
      event.preventDefault();
      const points = dial.strike(elapsed());
      part.total.textContent = dial.score.toLocaleString("en");
      part.gain.textContent = points ? `+${points}` : "Miss";
      part.chain.textContent = dial.chain > 1 ? `${dial.chain} in a row` : "";
      part.dial.classList.remove("hit", "miss");
      void part.dial.offsetWidth; // restarts the animation
      part.dial.classList.add(points ? "hit" : "miss");
    }
    const on = (target, type, act) => target.addEventListener(type, act, { signal: abort.signal });
    on(part.dial, "pointerdown", strike);
    on(part.dial, "keydown", (event) => {
      if ([" ", "Enter"].includes(event.key) && !event.repeat) strike(event);
    });
    on(arena, "keydown", (event) => event.key === "Escape" && finish(null));
    on(arena.querySelector(".give-up"), "click", () => finish(null));
    on(signal, "abort", () => finish(null));
    draw();
  });
}

/** An arc of the ring; 0 degrees is at the top, clockwise. */
function arc(middle, half) {
  const point = (angle) => {
    const radians = ((angle - 90) * Math.PI) / 180;
    return `${(RADIUS * Math.cos(radians)).toFixed(2)} ${(RADIUS * Math.sin(radians)).toFixed(2)}`;
  };
  return `M${point(middle - half)}A${RADIUS} ${RADIUS} 0 0 1 ${point(middle + half)}`;
}
