"""The runtime of every Lambda handler: settings, event loop, clients, clocks and tokens."""
