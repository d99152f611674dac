import { plainWords } from "./format.js";

/** A list of offers, each with a button. Rows are kept, so that the focus stays on a button that was pressed. */
export class OfferList {
  #list;
  #name;
  #act;
  #rows = new Map();

  /**
   * @param {HTMLUListElement} list
   * @param {string} name what test hooks and ids begin with: `task`, `unlock`, `buy`
   * @param {(id: string) => Promise<unknown>} act what a button does; its refusal is shown at the offer
   */
  constructor(list, name, act) {
    this.#list = list;
    this.#name = name;
    this.#act = act;
  }

  /** @param {import("./economy.js").Offer[]} offers */
  render(offers) {
    const there = new Set(offers.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (there.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    for (const [index, offer] of offers.entries()) {
      const row = this.#rows.get(offer.id) ?? this.#create(offer);
      const place = this.#list.children[index];
      if (place !== row) this.#list.insertBefore(row, place);
      row.dataset.state = offer.state;
      const part = (name) => row.querySelector(`.offer-${name}`);
      const button = row.querySelector("button");
      // Only where it is another: a screen reader may be in it.
      for (const [place, text] of [[part("note"), offer.note], [part("reason"), offer.reason], [button, offer.label]]) {
        if (place.textContent !== text) place.textContent = text;
      }
      button.setAttribute("aria-disabled", offer.state !== "ready");
      if (offer.owned !== undefined) part("owned").lastElementChild.textContent = offer.owned;
    }
  }

  /** Forgets the refusals shown. */
  clear() {
    for (const row of this.#rows.values()) row.querySelector(".refusal").textContent = "";
  }

  #create({ id, title, owned }) {
    const key = `${this.#name}-${id}`;
    const row = document.createElement("li");
    row.className = "offer";
    row.innerHTML = `<p class="offer-title" id="${key}-title"></p>
      <p class="offer-about"><span class="offer-note"></span>
        <span class="offer-owned">· owned <span data-testid="owned-${id}"></span></span></p>
      <p class="offer-reason" id="${key}-reason"></p>
      <button class="quiet" type="button" id="${key}" data-testid="${key}" aria-labelledby="${key} ${key}-title"
        aria-describedby="${key}-reason"></button>
      <p class="refusal" role="alert"></p>`;
    row.querySelector(".offer-title").textContent = title;
    if (owned === undefined) row.querySelector(".offer-owned").remove();
    row.querySelector("button").addEventListener("click", () => this.#press(id, row));
    this.#rows.set(id, row);
    this.#list.append(row);
    return row;
  }

  async #press(id, row) {
    if (row.dataset.state !== "ready" || row.ariaBusy === "true") return;
    const refusal = row.querySelector(".refusal");
    refusal.textContent = "";
    row.ariaBusy = "true";
    try {
      await this.#act(id);
    } catch (error) {
      refusal.textContent = plainWords(error);
    } finally {
      row.ariaBusy = "false";
    }
  }
}
