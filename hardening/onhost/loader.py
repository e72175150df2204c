"""Runs a packed program: its modules are served from memory, and no file is written on the host.

`hardening.packing` sends this text first. It runs as `__main__`, and it is the only module that is not imported.
"""

import base64
import binascii
import hashlib
import io
import json
import linecache
import sys
import traceback
import types
import zlib

MARK = "@@ASPECT@@"
SEAL = "@@SEALED@@"
MAIN = """\
import sys
import traceback
import zipimport

sys.excepthook = traceback.print_exception  # shows lines that are in the zip, on every Python


class Finder(object):
    # Python 3 by itself compiles each module of a zip twice: the first time to learn the name of its file.
    def find_spec(self, name, path=None, target=None):
        from importlib.machinery import ModuleSpec

        if name.partition(".")[0] != "%(program)s".partition(".")[0]:
            return None
        place = (path or sys.path)[0]
        loader = zipimport.zipimporter(place)
        try:
            package = loader.is_package(name)
        except zipimport.ZipImportError:
            return None
        stem = place + "/" + name.rpartition(".")[2]
        spec = ModuleSpec(name, loader, origin=stem + ("/__init__.py" if package else ".py"), is_package=package)
        spec.has_location = True
        if package:
            spec.submodule_search_locations.append(stem)
        return spec


if sys.version_info[0] > 2:
    sys.meta_path.insert(0, Finder())

from %(program)s import main

sys.exit(main())
"""


class Loader(object):
    """Finds and loads modules from {path: source}: PEP 302 for Python 2, PEP 451 for Python 3."""

    def __init__(self, pack):
        self.files = dict((str(path), text.encode("utf-8")) for path, text in pack["files"].items())
        self.programs = pack["programs"]
        self.folder = pack["folder"]

    def path_of(self, name):
        """Return the path of a module, or None."""
        stem = name.replace(".", "/")
        found = [path for path in (stem + ".py", stem + "/__init__.py") if path in self.files]
        return found[0] if found else None

    def find_module(self, name, path=None):
        """Return the loader of a module (Python 2)."""
        return self if self.path_of(name) else None

    def load_module(self, name):
        """Import a module (Python 2)."""
        module = sys.modules[name] = types.ModuleType(name)
        module.__loader__ = self
        if self.path_of(name).endswith("/__init__.py"):
            module.__path__, module.__package__ = [], name
        else:
            module.__package__ = name.rpartition(".")[0]
        self.exec_module(module)
        return module

    def find_spec(self, name, path=None, target=None):
        """Return the specification of a module (Python 3)."""
        place = self.path_of(name)
        if place is None:
            return None
        from importlib.machinery import ModuleSpec  # novermin: only Python 3 calls this

        return ModuleSpec(name, self, is_package=place.endswith("/__init__.py"))

    def create_module(self, spec):
        """Let Python make the module (Python 3)."""
        return None

    def exec_module(self, module):
        """Run a module. Tracebacks show its lines, although there is no file."""
        path = self.path_of(module.__name__)
        source, name = self.files[path], str(self.folder + path)
        linecache.cache[name] = len(source), None, source.decode("utf-8").splitlines(True), name
        module.__file__ = name
        exec(compile(source, name, "exec", 0, 1), module.__dict__)

    def zipped(self, program):
        """Return the zip of a program that this pack holds."""
        return zip_of(dict((path, self.files[path]) for path in self.programs[program]), program)


def zip_of(files, program):
    """Return a zip that Python runs as `program`: always the same bytes for the same {path: source}."""
    import zipfile  # few requests need it, and it is slow to load

    stored = io.BytesIO()
    archive = zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED)
    for path, source in sorted(
        dict(files, **{"__main__.py": (MAIN % {"program": program}).encode("ascii")}).items()
    ):
        entry = zipfile.ZipInfo(str(path), (1980, 1, 1, 0, 0, 0))
        entry.create_system, entry.external_attr = 3, 0o644 << 16
        archive.writestr(entry, source)
    archive.close()
    return stored.getvalue()


def sealed(text, key):
    """Return a text enciphered: at `-vvv` Ansible shows everything that comes back over ssh."""
    data = zlib.compress(text.encode("utf-8"), 1)
    blocks = [
        hashlib.sha256(("%s%d" % (key, n)).encode("ascii")).digest() for n in range(len(data) // 32 + 1)
    ]
    mixed = int(binascii.hexlify(data), 16) ^ int(binascii.hexlify(b"".join(blocks)[: len(data)]), 16)
    raw = binascii.unhexlify(("%0*x" % (2 * len(data), mixed)).encode("ascii"))
    return SEAL + base64.b64encode(raw).decode("ascii")


def start(pack, request, key):
    """Print the answer of the packed program to a request; with a key, enciphered."""
    sys.excepthook = traceback.print_exception  # shows lines of modules that have no file, on every Python
    sys.meta_path.insert(0, Loader(pack))
    program = __import__(pack["program"], {}, {}, ["answer_to"])
    text = "\n" + MARK + json.dumps(program.answer_to(request), sort_keys=True) + "\n"
    sys.stdout.write("\n" + sealed(text, key) + "\n" if key else text)
    sys.stdout.flush()
