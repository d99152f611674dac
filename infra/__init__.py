"""What is deployed to AWS, and how it is packed."""
