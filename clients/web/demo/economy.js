/**
 * What a player can do with what they have, as the page shows it. Pure; the server decides. What the game offers is
 * handed in as `GET /catalogue` answers it.
 *
 * @typedef {object} Offer a task, an unlock or something in the shop
 * @property {string} id
 * @property {string} title
 * @property {string} note what it gives or costs
 * @property {"ready" | "blocked" | "done"} state
 * @property {string} label of its button
 * @property {string} reason why it is blocked, or what follows from it being done; may be empty
 * @property {number} [owned] how many the player has
 */
import { formatNumber } from "./format.js";

export const XP_PER_ROUND = 30;
const PICKUPS = 3;
const [LEAST_PICKUP, GREATEST_PICKUP] = [5, 30];

const coins = (amount) => `${formatNumber(amount)} ${amount === 1 ? "coin" : "coins"}`;
const unlockTitle = ({ unlocks }, id) => unlocks.find((unlock) => unlock.id === id)?.title ?? id;

/** The day (UTC) of a time in milliseconds since the epoch, as the server writes it. */
export const utcDay = (time) => new Date(time).toISOString().slice(0, 10);

/** Where a player stands between two levels; `to` is null on the last. */
export function levelSpan({ levels }, { level, xp }) {
  const [from, to = null] = levels.xp.slice(level - 1, level + 1);
  if (to === null) return { to, share: 1 };
  return { to, share: Math.min(1, Math.max(0, (xp - from) / (to - from))) };
}

/** @returns {Offer} */
export function taskOffer({ id, title, money, xp, repeat, requires = {} }, progress, today, catalogue) {
  const offer = { id, title, note: `+${coins(money)} · +${xp} xp` };
  const completed = progress.tasks[id];
  if (completed && repeat === "once") return { ...offer, state: "done", label: "Done", reason: "" };
  if (completed === today) return { ...offer, state: "done", label: "Done", reason: "Again tomorrow (UTC)." };
  const reason = lacking(requires, progress, catalogue);
  return { ...offer, state: reason ? "blocked" : "ready", label: "Claim", reason };
}

/** What a task requires and a player lacks, as far as the page can tell; the server knows each board's order. */
function lacking({ score, area, level, unlock, item }, { bests, level: reached, unlocked, inventory }, catalogue) {
  if (score && Object.keys(bests).length === 0) return "Play a round first.";
  if (catalogue.areas.some(({ id }) => id === area) && !Object.hasOwn(bests, area)) return `Play a round of ${area} first.`;
  if (level && reached < level) return `Reach level ${level} first.`;
  if (unlock && !unlocked.includes(unlock)) return `Unlock ${unlockTitle(catalogue, unlock)} first.`;
  if (item && !inventory[item]) return `Buy ${item} first.`;
  return "";
}

/** @returns {Offer} */
export function unlockOffer({ id, title, level, price, requires }, { unlocked, level: reached, money }, catalogue) {
  const notes = [`Level ${level}`, coins(price), ...requires.map((name) => `after ${unlockTitle(catalogue, name)}`)];
  const offer = { id, title, note: notes.join(" · ") };
  if (unlocked.includes(id)) return { ...offer, state: "done", label: "Open", reason: "" };
  const missing = requires.filter((name) => !unlocked.includes(name));
  let reason = "";
  if (missing.length > 0) reason = `Unlock ${missing.map((name) => unlockTitle(catalogue, name)).join(" and ")} first.`;
  else if (reached < level) reason = `Reach level ${level} first.`;
  else if (money < price) reason = shortOf(price - money);
  return { ...offer, state: reason ? "blocked" : "ready", label: "Unlock", reason };
}

/** @returns {Offer} */
export function shopOffer({ itemId, title, price, unique, requires }, { inventory, unlocked, money }, catalogue) {
  const owned = inventory[itemId] ?? 0;
  const offer = { id: itemId, title, note: coins(price), owned };
  if (unique && owned) return { ...offer, state: "done", label: "Yours", reason: "" };
  let reason = "";
  if (requires && !unlocked.includes(requires)) reason = `Unlock ${unlockTitle(catalogue, requires)} first.`;
  else if (money < price) reason = shortOf(price - money);
  return { ...offer, state: reason ? "blocked" : "ready", label: "Buy", reason };
}

/** The save that follows from a round played; whatever else the checkpoint holds stays in it. */
export function afterRound({ levels }, { level, xp, checkpoint, version }, area) {
  const kept = typeof checkpoint === "object" && !Array.isArray(checkpoint) ? checkpoint : {};
  const total = xp + XP_PER_ROUND;
  return {
    level: Math.max(level, levels.xp.filter((threshold) => threshold <= total).length),
    xp: total,
    checkpoint: { ...kept, rounds: roundsPlayed(checkpoint) + 1, area },
    version,
  };
}

export function roundsPlayed(checkpoint) {
  const rounds = checkpoint?.rounds;
  return Number.isInteger(rounds) ? rounds : 0;
}

/** What lies about after a round: a few amounts of money to pick up. */
export function pickups(random) {
  const span = GREATEST_PICKUP - LEAST_PICKUP + 1;
  return Array.from({ length: PICKUPS }, () => LEAST_PICKUP + Math.floor(random() * span));
}

const shortOf = (missing) => `${coins(missing)} short.`;
