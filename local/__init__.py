"""The whole backend on one machine."""
