"""A host's program and all that it needs in one file: as a zip, as far as Python can import it from one."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

__all__ = ["ROOT", "zipped"]

ROOT = Path(__file__).parents[2]
COMPILED = (".so", ".pyd", ".dylib")
BY_PATH = ("pycountry",)  # opens its files by their paths
MAIN = "import sys; sys.path.append(sys.argv.pop(1))\nfrom packed_host import main\nmain(sys.argv[1:])\n"


def zipped(folder: Path, extras: Sequence[str]) -> tuple[Path, Path]:
    """The library, its dependencies that a zip can have, and `packed_host`; and a folder of the other ones.

    The first one is run with the second as its first argument, by a Python that knows no other packages (`-I -S`).
    """
    archive, others = folder / "host.zip", folder / "others"
    others.mkdir()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("__main__.py", MAIN)
        made.write(Path(__file__).with_name("packed_host.py"), "packed_host.py")
        for path in sorted((ROOT / "src" / "keapbridge").rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                made.write(path, path.relative_to(ROOT / "src"))
        for each in _needed(extras):
            files = [(Path(str(file)), Path(str(each.locate_file(file)))) for file in each.files or ()]
            files = [(name, path) for name, path in files if ".." not in name.parts and name.suffix != ".pyc"]
            if each.name in BY_PATH or any(name.suffix in COMPILED for name, _ in files):
                for top in {name.parts[0] for name, _ in files}:
                    (others / top).symlink_to(Path(str(each.locate_file(top))))
            else:
                for name, path in files:
                    made.write(path, name)
    return archive, others


def _needed(extras: Sequence[str]) -> Iterator[Distribution]:
    """What the library requires with these extras, and what that requires, each once."""
    known: set[tuple[str, str]] = set()
    names: set[str] = set()
    left = [("keapbridge", extra) for extra in ("", *extras)]
    while left:
        name, extra = left.pop()
        if (name, extra) in known:
            continue
        known.add((name, extra))
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # of an extra that is not installed
        if name not in names and name != "keapbridge":
            names.add(name)
            yield found
        for text in found.requires or ():
            required = Requirement(text)
            if required.marker is None or required.marker.evaluate({"extra": extra}):
                left += [(required.name.lower().replace("_", "-"), each) for each in ("", *required.extras)]
