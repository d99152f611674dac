"""The live path in one process and in virtual time: real store, broadcaster and handlers, simulated world."""
