"""Jetty: the target and its SslContextFactory."""
