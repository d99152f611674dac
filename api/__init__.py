"""The REST API: one module per resource under `api/routes/`."""
