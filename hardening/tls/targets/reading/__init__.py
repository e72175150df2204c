"""What several targets share to read and write configuration files: syntax, paths, ranges of versions, certificates.

It may import the judging, the policies and the libraries, and no target.
"""
