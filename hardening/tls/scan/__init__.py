"""The TLS scanner: raw hellos, a pure decision engine, and one selector loop that carries a fleet.

`hello` writes bytes and `answer` reads them, `engine` and `plan` decide what to ask next without
touching a socket, `net` carries the questions, `judge` turns what was learned into findings.
"""
