"""Whose a password is, and where it lets in: nobody can change one who does not know that.

Nothing is found or judged by this; it is asked once for each finding of which the pattern that caught it does not tell.
`accounts` reads its own line and its name, `beside` what is set next to it, `services` all that says where it is valid.
"""
