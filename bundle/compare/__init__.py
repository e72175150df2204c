"""Compare two bundles: members, components, credentials, privileges, ports.

It may import the audit and the walk.
"""
