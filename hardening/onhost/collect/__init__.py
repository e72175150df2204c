"""Lists and reads a host's files for the detectors of the control machine. Standard library, Python 2.6 to 3.14.

Streamed as one program on standard input; nothing is written on the host. Two verbs:

    list   what is below the given paths: owner, mode, size and kind of each, what a rule leaves out, what cannot be read
    read   the content of named files

Private keys and password hashes never leave the host: they are judged here, and the content that travels has `x` or
`-` in their place.
"""
