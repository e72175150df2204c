"""lighttpd: the target and the language of its configuration."""
