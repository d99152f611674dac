"""Live connections: frames, route handlers, the authorizer and the push client."""
