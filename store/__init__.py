"""Every DynamoDB and S3 call of the project, one module per table."""
