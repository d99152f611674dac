/** The boards that have a tab from the start. A game with more has a field beside them that finds the others. */
export const TABS = 8;

/** The colours of the page, as style.css has them. Boards take them in turn. */
const ACCENTS = ["green", "amber", "indigo", "pink"];

/** The colour of the board at this place among all, from 0. */
export const accentOf = (index) => ACCENTS[index % ACCENTS.length];

/**
 * The row of boards, as the ARIA pattern of tabs has it: one stop for the Tab key, arrows move within. The first
 * boards have a tab; of the others the one that was chosen last.
 * https://www.w3.org/WAI/ARIA/apg/patterns/tabs/
 *
 * @param {HTMLElement} list
 * @param {HTMLElement} panel
 * @param {{id: string, title: string}[]} boards
 * @param {(board: object, accent: string) => void} choose called when a board becomes the chosen one
 * @returns {(id: string) => void} chooses a board
 */
export function createTabs(list, panel, boards, choose) {
  const indexes = new Map(boards.map(({ id }, index) => [id, index]));

  function create({ id, title }) {
    const tab = document.createElement("button");
    Object.assign(tab, { type: "button", className: "tab", id: `tab-${id}`, textContent: title });
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    tab.dataset.testid = `area-${id}`;
    tab.dataset.board = id;
    tab.dataset.accent = accentOf(indexes.get(id));
    tab.addEventListener("click", () => select(id));
    return tab;
  }
  const first = boards.slice(0, TABS).map(create);
  list.replaceChildren(...first);

  function select(id) {
    const board = boards[indexes.get(id)];
    const isThere = [...list.children].some((tab) => tab.dataset.board === id);
    if (!isThere) list.replaceChildren(...first, create(board));
    for (const tab of list.children) {
      const chosen = tab.dataset.board === id;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
      if (chosen) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    panel.setAttribute("aria-labelledby", `tab-${id}`);
    choose(board, accentOf(indexes.get(id)));
  }

  list.addEventListener("keydown", (event) => {
    const tabs = [...list.children];
    const at = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const tab = tabs.at(to % tabs.length);
    tab.focus();
    select(tab.dataset.board);
  });

  return select;
}
