"""The zip of the Lambda functions, made without Docker."""
