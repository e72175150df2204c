"""Names that moved between Python 2 and 3."""

try:
    from urllib.parse import quote, unquote, urlencode, urlsplit  # novermin: Python 3
except ImportError:  # Python 2
    from urllib import quote, unquote, urlencode

    from urlparse import urlsplit

TEXT = type(b"".decode("ascii"))  # unicode on Python 2; the formatter takes a u away

__all__ = ["TEXT", "quote", "unquote", "urlencode", "urlsplit"]
