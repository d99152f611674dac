/**
 * What the client keeps between visits: texts under a few keys.
 *
 * A storage may be out of reach (blocked by the player's settings), refuse to write (private mode, quota), or drop what
 * it is given. Memory then stands in until the page is closed, so the game goes on, and `onRefused` is told once.
 *
 * @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem"> & Partial<Pick<Storage, "length" | "key">>} Storing what
 *   is needed of a `Storage`: `length` and `key` only for what is to be found at the next visit without being known
 */
export class Store {
  #storage;
  #area; // undefined before its first use; null where memory has to do
  #memory = new Map(); // what the storage did not take; null where it did not remove
  #written = new Set(); // the keys that this page has set and not removed
  #onRefused;
  #isTold = false;

  /**
   * @param {Storing | (() => ?Storing)} storage a function where asking for it may fail, as for `sessionStorage`
   * @param {(cause: unknown) => void} onRefused
   */
  constructor(storage, onRefused) {
    this.#storage = storage;
    this.#onRefused = onRefused;
  }

  /** The storage itself; null where there is none. Asked for at the first use, not before. */
  get area() {
    if (this.#area === undefined) {
      try {
        this.#area = (typeof this.#storage === "function" ? this.#storage() : this.#storage) ?? null;
      } catch (cause) {
        this.#lose(cause);
      }
    }
    return this.#area;
  }

  /** @returns {?string} */
  get(key) {
    if (this.#memory.has(key)) return this.#memory.get(key);
    try {
      return this.area?.getItem(key) ?? null;
    } catch (cause) {
      this.#lose(cause);
      return null;
    }
  }

  /**
   * The keys that begin with a prefix. Of a storage that cannot list its keys (it lacks `length` or `key`), those that
   * this page has set.
   *
   * @returns {string[]}
   */
  keys(prefix) {
    const found = new Set();
    try {
      const { area } = this;
      if (typeof area?.key === "function") for (let at = 0; at < area.length; at++) found.add(area.key(at));
    } catch (cause) {
      this.#lose(cause);
    }
    for (const key of this.#written) if (this.get(key) !== null) found.add(key);
    for (const [key, text] of this.#memory) text === null ? found.delete(key) : found.add(key);
    return [...found].filter((key) => key.startsWith(prefix));
  }

  /** @returns {boolean} whether the text is there at the next visit too */
  set(key, text) {
    this.#written.add(key);
    return this.#write(key, text, () => {
      this.area.setItem(key, text);
      return this.area.getItem(key) !== null;
    });
  }

  remove(key) {
    this.#written.delete(key);
    return this.#write(key, null, () => {
      this.area.removeItem(key);
      return this.area.getItem(key) === null;
    });
  }

  /** Remove what the storage holds under a key, not what memory does in its place. */
  drop(key) {
    try {
      this.area?.removeItem(key);
    } catch {
      // told already, when it refused to write
    }
  }

  /** Believe the storage again: another tab has written there. */
  heed(key) {
    this.#memory.delete(key);
  }

  #write(key, value, write) {
    this.#memory.delete(key);
    try {
      if (this.area && write()) return true;
      if (this.area) this.#tell();
    } catch (cause) {
      this.#tell(cause);
    }
    this.#memory.set(key, value);
    return false;
  }

  /** A storage that cannot be read is of no use for the rest of this page's life. */
  #lose(cause) {
    this.#area = null;
    this.#tell(cause);
  }

  #tell(cause) {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#onRefused(cause);
  }
}
