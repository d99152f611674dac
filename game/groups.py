"""The groups of the user pool that may do more than players."""

ADMINS = "admins"
"""May broadcast, and see what moderators see."""
MODERATORS = "moderators"
"""Decide about scores in doubt."""
SERVERS = "servers"
"""Servers of the studio's own, which submit scores for players."""

GROUPS = (ADMINS, MODERATORS, SERVERS)
