"""Plans of changes: which files and services a change touches on a host, computed before anything is sent.

It may import the TLS, engine and mailer packages; it opens no connection.
"""
