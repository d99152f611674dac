import { faultWords } from "./accountWords.js";

const CHEER_MS = 8000;
const ANNOUNCE_MS = 1200;

/** The page's messages: what went wrong, what an admin says, and what a screen reader is told. */
export function createNotices() {
  const box = document.getElementById("error");
  const text = document.getElementById("error-text");
  const announcement = document.getElementById("announcement");
  const announcer = document.getElementById("announcer");
  let cheering;
  let announcing;

  const clear = () => (box.hidden = true);
  document.getElementById("error-close").addEventListener("click", clear);

  return {
    clear,
    error(error) {
      console.error(error);
      text.textContent = error.code?.endsWith("Exception") ? faultWords(error) : error.message;
      box.hidden = false;
    },
    cheer(message) {
      announcement.textContent = message;
      announcement.hidden = false;
      clearTimeout(cheering);
      cheering = setTimeout(() => (announcement.hidden = true), CHEER_MS);
    },
    /** Tells a screen reader; of several in quick succession only the last. */
    announce(message) {
      clearTimeout(announcing);
      announcing = setTimeout(() => (announcer.textContent = message), ANNOUNCE_MS);
    },
  };
}
