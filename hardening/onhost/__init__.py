"""Programs that run on hosts, alone, on Python 2.6 to 3.14; they import this package and the standard library only.

`hardening.packing` sends one of them as a single program, or writes one as a zip that Python runs.
"""
