import { BoardSearch } from "./boardSearch.js";
import { formatNumber } from "./format.js";

/** The most boards that the list offers at a time. */
const OFFERED = 50;

/**
 * A field that finds a board by its title, as the ARIA pattern of a combobox has it: the field keeps the focus, and
 * the arrows move within the list. https://www.w3.org/WAI/ARIA/apg/patterns/combobox/
 */
export class BoardFinder {
  #field;
  #popup;
  #list;
  #more;
  #status;
  #search;
  #choose;
  #active = -1;

  /**
   * @param {HTMLElement} root has the field, the popup and what a screen reader is told
   * @param {{id: string, title: string}[]} boards
   * @param {(id: string) => void} choose
   */
  constructor(root, boards, choose) {
    this.#field = root.querySelector("[role=combobox]");
    this.#popup = root.querySelector(".finder-popup");
    this.#list = root.querySelector("[role=listbox]");
    this.#more = root.querySelector(".finder-more");
    this.#status = root.querySelector("[role=status]");
    this.#search = new BoardSearch(boards);
    this.#choose = choose;
    this.#field.placeholder = `Find one of ${formatNumber(boards.length)} boards`;
    root.hidden = false;
    this.#field.addEventListener("input", () => this.#open());
    this.#field.addEventListener("click", () => this.#open());
    this.#field.addEventListener("blur", () => this.#close());
    this.#field.addEventListener("keydown", (event) => this.#pressed(event));
    // The focus stays in the field: else it would close the list before the click.
    this.#popup.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#list.addEventListener("click", ({ target }) => this.#take(target.closest("[role=option]")));
  }

  get #isOpen() {
    return !this.#popup.hidden;
  }

  #open() {
    const found = this.#search.find(this.#field.value);
    const offered = found.slice(0, OFFERED);
    this.#list.replaceChildren(...offered.map(option));
    this.#list.hidden = offered.length === 0;
    this.#popup.hidden = false;
    this.#field.setAttribute("aria-expanded", true);
    const left = found.length - offered.length;
    this.#more.textContent = left ? `and ${formatNumber(left)} more: type on` : "";
    if (found.length === 0) this.#more.textContent = "No board has this in its title.";
    this.#more.hidden = left === 0 && found.length > 0;
    this.#status.textContent = `${formatNumber(found.length)} ${found.length === 1 ? "board" : "boards"}`;
    this.#activate(-1);
  }

  #close() {
    this.#popup.hidden = true;
    this.#list.replaceChildren();
    this.#field.setAttribute("aria-expanded", false);
    this.#field.removeAttribute("aria-activedescendant");
    this.#status.textContent = "";
    this.#active = -1;
  }

  #activate(index) {
    this.#active = index;
    [...this.#list.children].forEach((each, at) => each.setAttribute("aria-selected", at === index));
    const active = this.#list.children[index];
    if (!active) {
      this.#field.removeAttribute("aria-activedescendant");
      return;
    }
    this.#field.setAttribute("aria-activedescendant", active.id);
    active.scrollIntoView({ block: "nearest" });
  }

  #pressed(event) {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    const count = this.#list.children.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!this.#isOpen) this.#open();
      const step = event.key === "ArrowDown" ? 1 : -1;
      const length = this.#list.children.length;
      // Beyond either end, and from the field itself, the other end comes next.
      const from = this.#active < 0 && step < 0 ? 0 : this.#active;
      if (length) this.#activate((from + step + length) % length);
    } else if (event.key === "Enter" && this.#isOpen && count) {
      event.preventDefault();
      this.#take(this.#list.children[Math.max(0, this.#active)]);
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (this.#isOpen) this.#close();
      else this.#field.value = "";
    }
  }

  #take(chosen) {
    if (!chosen) return;
    this.#close();
    this.#field.value = "";
    this.#status.textContent = `${chosen.textContent} is shown.`;
    this.#choose(chosen.dataset.board);
  }
}

function option({ id, title }) {
  const made = document.createElement("li");
  Object.assign(made, { id: `find-${id}`, textContent: title });
  made.setAttribute("role", "option");
  made.dataset.board = id;
  return made;
}
