/** Generated from game/catalogue.toml by `make docs`: do not edit. */

/** The xp with which level 1, level 2, … begins. No route tells what is here: a game knows its own. */
export const LEVEL_XP = [0, 100, 250, 450, 700, 1000, 1400, 1900, 2500, 3200];

/** What there is to do. */
export const TASKS = [
  {"id": "first-score", "title": "Submit your first score", "requires": {"score": true}, "money": 50, "xp": 100, "repeat": "once"},
  {"id": "daily-visit", "title": "Come back today", "money": 25, "xp": 40, "repeat": "daily"},
];

/** What there is to open. */
export const UNLOCKS = [
  {"id": "lantern-path", "title": "The Lantern Path", "level": 2, "price": 50, "requires": []},
  {"id": "oasis", "title": "The Oasis", "level": 3, "price": 150, "requires": ["lantern-path"]},
];

/** The money that may be added for `pickup` in one request. */
export const PICKUP_LIMIT = 100;
