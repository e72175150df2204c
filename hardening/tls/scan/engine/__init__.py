"""Runs the conversations: one loop, its sockets, the rate for each endpoint.

It may import the wire and what the strategy asks; `net` and `connecting` alone open sockets.
"""
