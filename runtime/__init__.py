"""What every Lambda handler runs in: settings, event loop, clients and clocks."""
