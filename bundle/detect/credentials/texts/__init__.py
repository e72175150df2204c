"""What kind of text a member is, and which stretches of it are something else."""
