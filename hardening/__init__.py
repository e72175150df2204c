"""Server security-hardening and upgrade-bundle toolkit: find, fix, prove, on one data model."""

__version__ = "0.1.0"
