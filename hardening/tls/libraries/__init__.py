"""TLS and SSH libraries as they were built: what each has, and what the languages of their settings select."""
