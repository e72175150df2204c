"""OpenSSH: sshd and ssh as targets, their language, and the host keys."""
