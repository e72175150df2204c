"""Settings and modes that give a host away, as rows of `bundle/data/settings`: the same in bundles and on hosts."""

from bundle.detect.settings.detector import ROOT_WRITABLE, SETUID_SHELL, SettingsDetector, detector
from bundle.detect.settings.load import shipped

__all__ = ["ROOT_WRITABLE", "SETUID_SHELL", "SettingsDetector", "detector", "shipped"]
