"""Operators' commands on the tables of a deployment."""
