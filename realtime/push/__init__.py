"""The push client: one frame to many WebSocket connections. It imports nothing of ours."""
