"""Simulated players, the report of what they saw, and what it would cost on AWS."""
