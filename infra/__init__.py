"""The deployment to AWS, and its packaging."""
