"""Postfix: the target, and the services in master.cf."""
