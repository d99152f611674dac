"""Zips of the Lambda functions, made without Docker."""
