"""The runtime of every Lambda handler: settings, event loop, clients and clocks."""
