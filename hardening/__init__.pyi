from hardening.api import *  # noqa: F403 - hardening/api.py lists the names, in `__all__`

__version__: str
