"""The version of Podium: of the API, the clients and the page."""

VERSION = "0.1.0"
"""As in CHANGELOG.md; https://semver.org."""
