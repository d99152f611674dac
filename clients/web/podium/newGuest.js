import { randomText } from "./random.js";

const NAMES = ["badger", "comet", "falcon", "ferret", "heron", "ibex", "jaguar", "koala", "lynx", "marten"]
  .concat(["narwhal", "ocelot", "otter", "panda", "puffin", "raven", "sable", "tapir", "walrus", "wombat"]);

/** Return a name for a guest, and a password: 24 random characters behind one of each kind that a policy may ask for. */
export function newGuest() {
  const [pick] = crypto.getRandomValues(new Uint32Array(1));
  const username = `guest-${NAMES[pick % NAMES.length]}-${randomText(8)}`;
  return { username, password: `aA1!${randomText(24)}` };
}
