"""`python -m hardening` is `harden`."""

from hardening.cli import main

if __name__ == "__main__":
    main()
