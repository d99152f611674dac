/** Finds boards by their titles. Pure. */

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
const wordsOf = (text) => text.split(/[^\p{L}\p{N}]+/u).filter(Boolean);

export class BoardSearch {
  #titles;

  /** @param {{id: string, title: string}[]} boards */
  constructor(boards) {
    this.#titles = boards.map((board) => {
      const title = plain(board.title);
      return { board, title, words: wordsOf(title) };
    });
  }

  /**
   * The boards whose title has every word of the text, in any case and without accents; all of them for no text. The
   * closest come first ("Level 7" before "Level 70"), and of equally close ones those that come first in the game.
   *
   * @param {string} text
   * @returns {{id: string, title: string}[]}
   */
  find(text) {
    const asked = plain(text).trim();
    const words = wordsOf(asked);
    return this.#titles
      .filter(({ title }) => words.every((word) => title.includes(word)))
      .map((entry) => ({ board: entry.board, distance: distance(entry, asked, words) }))
      .sort((a, b) => a.distance - b.distance)
      .map(({ board }) => board);
  }
}

function distance({ title, words }, asked, askedWords) {
  if (title === asked) return 0;
  if (askedWords.every((word) => words.includes(word))) return 1;
  if (title.startsWith(asked)) return 2;
  if (askedWords.every((word) => words.some((own) => own.startsWith(word)))) return 3;
  return 4;
}
