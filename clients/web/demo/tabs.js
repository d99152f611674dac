/**
 * The row of boards, as the ARIA pattern of tabs has it: one stop for the Tab key, arrows move within.
 * https://www.w3.org/WAI/ARIA/apg/patterns/tabs/
 *
 * @param {HTMLElement} list
 * @param {HTMLElement} panel
 * @param {{id: string, title: string}[]} boards
 * @param {(id: string) => void} choose called when a tab becomes the chosen one
 * @returns {(id: string) => void} chooses a tab
 */
export function createTabs(list, panel, boards, choose) {
  const tabs = boards.map(({ id, title }) => {
    const tab = document.createElement("button");
    Object.assign(tab, { type: "button", className: "tab", id: `tab-${id}`, textContent: title });
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    tab.dataset.testid = `area-${id}`;
    tab.dataset.area = id;
    tab.addEventListener("click", () => select(id));
    return tab;
  });
  list.replaceChildren(...tabs);

  function select(id) {
    for (const tab of tabs) {
      const chosen = tab.dataset.area === id;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
      if (chosen) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    panel.setAttribute("aria-labelledby", `tab-${id}`);
    choose(id);
  }

  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const tab = tabs.at(to % tabs.length);
    tab.focus();
    select(tab.dataset.area);
  });

  return select;
}
