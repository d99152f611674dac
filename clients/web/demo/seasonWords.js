/** Seasons and prizes in words. Pure; times are in milliseconds. */
import { formatNumber, ordinal } from "./format.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const two = (number) => String(number).padStart(2, "0");

/** What is left of a time, as `2 d 14 h`, `3 h 05 min` or `9:59`; rounded up to the second, so it ends with `0:00`. */
export function formatLeft(left) {
  const whole = Math.max(0, Math.ceil(left / SECOND)) * SECOND;
  const [days, hours] = [Math.floor(whole / DAY), Math.floor((whole % DAY) / HOUR)];
  const [minutes, seconds] = [Math.floor((whole % HOUR) / MINUTE), Math.floor((whole % MINUTE) / SECOND)];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${two(minutes)} min`;
  return `${minutes}:${two(seconds)}`;
}

/**
 * The warning that is due as a season nears its end, for those who do not see the clock; null while there is none.
 * Short seasons have none: a voice that never stops is not listened to.
 *
 * @param {number} before what was left when it was last asked
 * @param {number} left
 * @param {number} length of the season
 */
export function warning(before, left, length) {
  const due = [10 * MINUTE, MINUTE].filter((mark) => mark * 6 <= length && before > mark && left <= mark && left > 0);
  if (due.length === 0) return null;
  const minutes = Math.min(...due) / MINUTE;
  return minutes === 1 ? "One minute left in this season." : `${minutes} minutes left in this season.`;
}

/**
 * When a season was, in short: its days, or the minute at which a shorter one began.
 *
 * @param {{startsAt: number, endsAt: number}} season
 * @param {string} [timeZone] that of this machine unless told
 */
export function spanOf({ startsAt, endsAt }, timeZone) {
  const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone });
  const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone });
  if (startsAt === 0) return `until ${day.format(endsAt)}`;
  // It ends as the next one begins, so its last day is the one before.
  if (endsAt - startsAt >= DAY) return `${day.format(startsAt)} – ${day.format(endsAt - 1)}`;
  return `${day.format(startsAt)}, ${time.format(startsAt)}`;
}

/** The moment when something is over, for people: `Mon, 30 Nov, 01:00`. */
export function formatMoment(at, timeZone) {
  const parts = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone };
  return new Intl.DateTimeFormat("en-GB", /** @type {Intl.DateTimeFormatOptions} */ (parts)).format(at);
}

/** A prize, as `500 coins + Brass compass`. */
export function prizeWords({ money, items }, { shop }) {
  const parts = money ? [`${formatNumber(money)} ${money === 1 ? "coin" : "coins"}`] : [];
  for (const [id, count] of Object.entries(items)) {
    const title = shop.find((item) => item.id === id)?.title ?? id;
    parts.push(count === 1 ? title : `${formatNumber(count)} × ${title}`);
  }
  return parts.join(" + ");
}

/** What the ranks of a season win, as `1st: 500 coins + Brass compass · top 10%: 20 coins`; "" without prizes. */
export function tierWords(tiers, catalogue) {
  const words = (tiers ?? []).map((tier) => `${whose(tier)}: ${prizeWords({ money: 0, items: {}, ...tier }, catalogue)}`);
  return words.join(" · ");
}

function whose({ ranks, top }) {
  if (!ranks) return `top ${top}`;
  const [first, last] = ranks;
  return first === last ? ordinal(first) : `${ordinal(first)} to ${ordinal(last)}`;
}

export const rewardId = ({ gameArea, season }) => `${gameArea}-${season}`;

/**
 * A reward as something to claim.
 *
 * @param {import("../podium/rest.js").Reward} reward
 * @param {number} now by the server's clock
 * @param {import("../podium/rest.js").Catalogue} catalogue
 * @returns {import("./economy.js").Offer}
 */
export function rewardOffer(reward, now, catalogue) {
  const { gameArea, season, rank, of, prize, claimableAt, claimed } = reward;
  const title = catalogue.boards.find(({ id }) => id === gameArea)?.title ?? gameArea;
  const place = `${ordinal(rank)} of ${formatNumber(of)}`;
  const offer = { id: rewardId(reward), title: `${title} · season ${season}`, note: `${place} · ${prizeWords(prize, catalogue)}` };
  if (claimed) return { ...offer, state: "done", label: "Claimed", reason: "" };
  if (now < claimableAt) return { ...offer, state: "blocked", label: "Claim", reason: `In review: yours ${when(claimableAt, now)}.` };
  return { ...offer, state: "ready", label: "Claim", reason: "" };
}

const when = (at, now) => (at - now < HOUR ? `in ${formatLeft(at - now)}` : `on ${formatMoment(at)}`);
