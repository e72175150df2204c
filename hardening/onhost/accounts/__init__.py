"""Rotates the password of a local database account. Standard library, Python 2.6 to 3.14.

Sent along by the role `credentials` and run by the agent as a command of its transaction:

    accounts.pyz rotate  JOB NAME     change the password, log in with the new one, check that the earlier one is refused
    accounts.pyz restore JOB NAME     put back what `rotate` found
    accounts.pyz prove   JOB NAME     the logins alone

JOB is a JSON file without secrets: {"id", "store", "accounts": [{name, engine, user, host, socket, port,
defaults_file, admin}]}. The new password and the earlier one come from the host's store (`secrets` and `earlier` there).
A password is in no argument, no environment and no output. The MySQL client reads its options from a pipe, psql from a
file that only root can read. Statements go to standard input, and where the server takes a hash it is the hash that is
sent.

Exit codes: 0 done, 1 not done with one line that says why, 2 a job that cannot be read.
"""
