"""The REST API: one module a resource under `api/routes/`."""
