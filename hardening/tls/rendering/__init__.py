"""Rendering: from a policy to a server's configuration, read back and judged."""
