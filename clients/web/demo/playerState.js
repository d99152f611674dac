import { PodiumError } from "../podium/error.js";

/** What the page knows of the player who is signed in. */
export class PlayerState {
  /** @type {?import("../podium/rest.js").Profile} null until it is loaded */
  profile = null;
  /** @type {?import("../podium/rest.js").ProgressWithBests} null until it is loaded */
  progress = null;
  shop = [];
  #podium;
  #player = null;
  #listeners = new Set();
  #keys = new Map(); // of the actions whose answer was lost, by player and name
  #last = Promise.resolve(); // the request before, whatever became of it

  constructor(podium) {
    this.#podium = podium;
  }

  /** @param {() => void} listener called after each change */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  /** Reads everything again, for the player who is signed in. */
  async load() {
    const player = this.#podium.user?.id ?? null;
    if (player !== this.#player) {
      this.#player = player;
      this.#set({ profile: null, progress: null });
    }
    if (!player) return;
    await this.#inTurn(async (keep) => {
      const [profile, progress, { items }] = await Promise.all([
        this.#podium.profile(),
        this.#podium.progress(),
        this.#podium.shop(),
      ]);
      keep({ profile, progress, shop: items });
    });
  }

  /**
   * Runs an action that answers with the new `profile` or `progress`, and takes that over; what the answer does not
   * say, such as the bests, stays. Actions run one after the other, so that an older answer never replaces a newer
   * one. After a refusal the part is read again: the page was wrong about something.
   *
   * @param {"profile" | "progress"} part
   * @param {(known: object) => Promise<object>} action given the part as it is known when its turn comes
   */
  change(part, action) {
    return this.#inTurn(async (keep) => {
      try {
        const known = this[part] ?? (await this.#podium[part]());
        const answer = await action(known);
        const whole = { ...(this[part] ?? known), ...answer };
        keep({ [part]: whole });
        return whole;
      } catch (error) {
        await this.#podium[part]().then((read) => keep({ [part]: read }), () => {});
        throw error;
      }
    });
  }

  /**
   * Runs an action on the progress that must not happen twice. Where its answer is lost, its key waits for the next
   * call under the same name, which is then the same action and no second one.
   *
   * @param {string} name what the player asked for, such as `buy torch`
   * @param {(once: import("../podium/rest.js").Once) => Promise<object>} action
   */
  act(name, action) {
    const id = `${this.#podium.user?.id} ${name}`;
    return this.change("progress", async () => {
      const key = this.#keys.get(id);
      const answer = await action({ key }).catch((error) => {
        if (error.idempotencyKey) this.#keys.set(id, error.idempotencyKey);
        else this.#keys.delete(id);
        throw error;
      });
      this.#keys.delete(id);
      // The answer to a key is the one given first, and more may have happened since.
      return key ? this.#podium.progress().catch(() => answer) : answer;
    });
  }

  /** Reads the profile again. */
  refreshProfile() {
    return this.#inTurn(async (keep) => keep({ profile: await this.#podium.profile() }));
  }

  /** The player has a best of `best` in an area now. */
  scored(area, best) {
    const { progress } = this;
    if (progress) this.#set({ progress: { ...progress, bests: { ...progress.bests, [area]: best } } });
  }

  #inTurn(work) {
    const player = this.#player;
    const keep = (parts) => player === this.#player && this.#set(parts); // else it is another player's
    const turn = this.#last.then(() => {
      if (player === this.#player) return work(keep);
      throw new PodiumError("Another player is signed in by now.", { code: "SignedOut" });
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  #set(parts) {
    Object.assign(this, parts);
    for (const listener of this.#listeners) listener();
  }
}
