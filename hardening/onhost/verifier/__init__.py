"""Refuses a bundle that nobody trusted has signed. Standard library, Python 2.6 to 3.14.

main                      the command line
verify                    the whole verification
envelope, statement       the DSSE envelope and the statement in it
keys, ed25519, p256       public keys and their arithmetic
integers                  integers from bytes
content                   the bundle's bytes against the signed ones
trusted_time              the time of this host, which never goes back
reading, problems         files that are named; what ends a verification
"""
