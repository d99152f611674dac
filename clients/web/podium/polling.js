/** Milliseconds between two readings of a board, while no connection is to be had. */
export const POLL_MS = 15_000;

/**
 * Reads boards again and again, in place of a connection: for a spectator whom the server does not let in, because it
 * has enough of them or wants none. A browser does not say why a handshake failed. So whether this is the reason, or the
 * server is down, shows in whether boards can be read.
 *
 * A board that is slow to come is not asked for twice at a time, and holds up no other.
 */
export class Polling {
  #options;
  #timer = null;
  #run = 0; // grows when it stops; an answer from before is dropped
  #reading = new Set(); // the boards whose answer is on its way
  #answered = new Set(); // the boards whose last reading was answered
  #isAnswered = false;

  /**
   * @param {object} options
   * @param {import("./clock.js").Clock} options.clock
   * @param {() => string[]} options.boards that are to be read
   * @param {(board: string) => Promise<object>} options.read
   * @param {(board: string, page: object) => void} options.onPage
   * @param {(isAnswered: boolean) => void} options.onChange told when boards can be read, and when they no longer can
   */
  constructor(options) {
    this.#options = options;
  }

  /** Whether any board can be read. */
  get isAnswered() {
    return this.#isAnswered;
  }

  /** Begins, unless it has already. */
  start() {
    if (this.#timer === null) this.#readAll();
  }

  stop() {
    this.#options.clock.clearTimeout(this.#timer);
    this.#timer = null;
    this.#run += 1;
    this.#reading.clear();
    this.#answered.clear();
    this.#look();
  }

  /** Reads a board at once, if it has begun. */
  add(board) {
    if (this.#timer !== null) this.#read(board);
  }

  #readAll() {
    const { clock, boards } = this.#options;
    this.#timer = clock.setTimeout(() => this.#readAll(), POLL_MS);
    // In the background a page would read what is not seen.
    if (this.#isAnswered && globalThis.document?.hidden) return;
    const wanted = new Set(boards());
    for (const board of this.#answered) if (!wanted.has(board)) this.#answered.delete(board);
    for (const board of wanted) this.#read(board);
  }

  async #read(board) {
    if (this.#reading.has(board)) return;
    this.#reading.add(board);
    const run = this.#run;
    const page = await this.#options.read(board).catch(() => null); // the next round asks again
    if (run !== this.#run) return;
    this.#reading.delete(board);
    if (page) this.#answered.add(board);
    else this.#answered.delete(board);
    this.#look();
    if (page && run === this.#run) this.#options.onPage(board, page);
  }

  #look() {
    const isAnswered = this.#answered.size > 0;
    if (isAnswered === this.#isAnswered) return;
    this.#isAnswered = isAnswered;
    this.#options.onChange(isAnswered);
  }
}
