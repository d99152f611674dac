import { identicon } from "./identicon.js";

/** Pixels a side of the pictures there are, for screens with one and with two pixels a CSS pixel. */
const SIZES = { small: [48, 128], large: [128, 512] };

/**
 * Shows a player's portrait over their identicon, which is what remains without a portrait, or without its picture.
 *
 * @param {HTMLElement} holder
 * @param {{userId: string, avatar: ?string}} player
 * @param {(key: string, size: number) => string} urlOf
 * @param {object} [options]
 * @param {"small" | "large"} [options.size]
 * @param {string} [options.testid] of the image
 */
export function showPortrait(holder, { userId, avatar }, urlOf, { size = "small", testid } = {}) {
  const shown = `${userId} ${avatar}`;
  if (holder.dataset.shown === shown) return;
  holder.dataset.shown = shown;
  holder.innerHTML = identicon(userId);
  if (!avatar) return;
  const [single, double] = SIZES[size];
  const image = document.createElement("img");
  image.alt = "";
  image.decoding = "async";
  image.srcset = `${urlOf(avatar, single)}, ${urlOf(avatar, double)} 2x`;
  image.src = urlOf(avatar, single);
  if (testid) image.dataset.testid = testid;
  image.addEventListener("error", () => image.remove());
  holder.append(image);
}
