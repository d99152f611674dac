"""API Gateway's WebSocket API and its `@connections` on one machine."""
