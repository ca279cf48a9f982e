"""Which photos there are and where each result goes, decided before anything is done."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain, compress
from pathlib import Path

from colorize import photo
from colorize.batch.part import Part
from colorize.errors import ConfigError, DataError, PhotoError
from colorize.options import FILM_SUFFIXES, ColorizeOptions

_DEFAULTS = ColorizeOptions()
RESULT_MARK = "-color"  # NAME-color.EXT beside NAME.EXT
VARIANT_MARK = "-variant-"  # and NAME-color-variant-1.EXT

_RESULT_STEM = re.compile(rf"(.*){RESULT_MARK}(?:{VARIANT_MARK}\d+)?", re.DOTALL)
_LONGEST_NAME = 255  # bytes, on nearly every file system
_LONGEST_END = len(f"{RESULT_MARK}{VARIANT_MARK}99") + 8  # bytes kept free for marks and a suffix


@dataclass(frozen=True, slots=True)
class Job:
    source: Path
    target: Path
    problem: str = ""  # why it cannot be done, where that is known before
    seed: int | None = None  # of a variant
    has_changed: bool = False  # whether the source was seen to change, whatever its time says


class Plan:
    """The jobs, in a fixed order. Held as names, folder by folder: a million take little memory."""

    def __init__(self, entries: Sequence[_Folder | Job], left_out: Sequence[str]) -> None:
        """Hold what a search found.

        Args:
            entries: folders of photos whose results have names, and jobs.
            left_out: what was found and is not searched, with why: one line each.
        """
        self._entries = entries
        self.left_out = left_out

    def __len__(self) -> int:
        return sum(1 if isinstance(entry, Job) else len(entry.names) for entry in self._entries)

    def __iter__(self) -> Iterator[Job]:
        for entry in self._entries:
            if isinstance(entry, Job):
                yield entry
            else:
                for index, (name, result) in enumerate(zip(entry.names, entry.results, strict=True)):
                    seed = index % (1 + entry.variants) or None
                    yield Job(Path(entry.source, name), Path(entry.target, result), seed=seed)

    def part(self, part: Part) -> Plan:
        """The jobs of one part. A photo's variants are with it; a folder that cannot be searched is in every part."""
        parts = [entry if isinstance(entry, Job) else entry.part(part) for entry in self._entries]
        return Plan(parts, self.left_out)


@dataclass(slots=True)
class _Folder:
    """Photos of one folder whose results go into one folder."""

    source: str
    target: str
    names: list[str]
    place: str = ""  # below the folder that was named, with slashes
    results: list[str] = field(default_factory=list)
    variants: int = 0  # of each name, which then comes once more for each
    by_content: dict[str, str] = field(default_factory=dict)  # suffixes of results, where names do not tell the format

    def settle_as(self, result: Path, options: ColorizeOptions) -> None:
        """Name the results of the only photo after `result`."""
        self.variants = options.variants
        self.names *= 1 + self.variants
        self.results = [
            f"{result.stem}{f'{VARIANT_MARK}{each}' if each else ''}{result.suffix}" for each in range(len(self.names))
        ]

    def part(self, part: Part) -> _Folder:
        """With the photos of one part only, after the results are named."""
        held = [part.holds(f"{self.place}/{name}") for name in self.names]
        return replace(self, names=list(compress(self.names, held)), results=list(compress(self.results, held)))

    def settle(self, marked: bool, options: ColorizeOptions) -> None:
        """Name the results; `marked` if they lie beside their sources."""
        self.variants = options.variants
        if self.variants:
            self.names = [name for name in self.names for _ in range(1 + self.variants)]
        self.results = [
            _result_name(name, marked, options.format, index % (1 + self.variants), self.by_content.get(name))
            for index, name in enumerate(self.names)
        ]


def plan(
    paths: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str] | None = None,
    options: ColorizeOptions = _DEFAULTS,
    *,
    may_be_empty: bool = False,
) -> Plan:
    """Make one job per photo, in a fixed order, and one for each of its variants. Nothing is written.

    Without `output` a result lies beside its source as NAME-color.EXT. A result whose format is not its source's keeps
    the source's whole name: old.gif-color.png. A variant's name ends in -variant-N. A name that would be too long is
    cut, with a code in place of the rest. Hidden files, earlier results and what lies in `output` are no sources; links
    to folders are followed only where they are named. A folder that may not be searched is a job with a `problem`.

    Args:
        paths: photos, and folders of them, which are searched with all that is in them.
        output: the folder for the results, in which a folder's tree is kept; of one photo also the result itself, where
            its suffix is that of a format and it is no folder.
        options: of which format and variants matter here.
        may_be_empty: whether it is all right that there is no photo.

    Returns:
        The plan.

    Raises:
        DataError: a path does not exist, or there is no photo.
        ConfigError: a path is empty, `output` is a file and there are several photos, or two results, or a result and a
            source, would be the same file, also where only case or Unicode form tell them apart and the drive does not.
    """
    if not all(map(os.fspath, paths)):
        raise ConfigError("an empty path: expected photos and folders")  # Path("") would be the current folder
    named = [Path(path) for path in paths]
    result = None if output is None else _result_file(os.fspath(output), named, options)
    folder = result.parent if result else None if output is None else Path(output)
    search = _Search(named, folder)
    search.run()
    for entry in search.entries:
        if isinstance(entry, _Folder) and result:
            entry.settle_as(result, options)
        elif isinstance(entry, _Folder):
            entry.settle(output is None, options)
    found = Plan(search.entries, search.left_out)
    if not len(found) and not may_be_empty:
        where = ", ".join(map(str, paths)) or "nothing: no paths were given"
        raise DataError("; ".join([f"no photos in {where}", *search.left_out]))
    _check_targets([entry for entry in search.entries if isinstance(entry, _Folder)])
    return found


def name_results(
    names: Iterable[str], options: ColorizeOptions, *, ignore_case: bool = False
) -> list[tuple[str, str, int | None]]:
    """Name the results of one folder's photos as `plan` does where they go into another folder.

    Args:
        names: of the folder's files; those that are no photos, are hidden or are earlier results are left out.
        options: of which format and variants matter here.
        ignore_case: whether names that differ in case or Unicode form alone are one where the results go.

    Returns:
        For each photo, and each of its variants: its name, the result's, and the variant's seed.

    Raises:
        ConfigError: two photos would have the same result.
    """
    found = _Names(names := [name for name in names if _is_photo(name)])
    folder = _Folder("", "", sorted(name for name in names if not found.has_result(name)))
    folder.settle(False, options)
    taken: dict[str, str] = {}
    for name, result in zip(folder.names, folder.results, strict=True):
        if (other := taken.setdefault(_alike(result) if ignore_case else result, name)) != name:
            raise ConfigError(f"{other} and {name} would both become {result}; choose another name for one of them")
    seeds = (index % (1 + folder.variants) or None for index in range(len(folder.names)))
    return list(zip(folder.names, folder.results, seeds, strict=True))


def check_result_file(path: Path, options: ColorizeOptions) -> None:
    """Raise `ConfigError` if no result can have this name.

    Args:
        path: of the result; nothing has to be there.
        options: of which the format matters here.

    Raises:
        ConfigError: its suffix is that of no format that can be written, or of another format than `options.format`.
    """
    try:
        format_ = photo.writer(path)
    except PhotoError as error:
        raise ConfigError(str(error)) from error
    if options.format and photo.writer(Path(f"x.{options.format}")) is not format_:
        raise ConfigError(f"{path} and --format {options.format} ask for different formats")


def _result_file(output: str, named: Sequence[Path], options: ColorizeOptions) -> Path | None:
    """`output`, if it is not a folder but the result of the only photo."""
    path = Path(output)
    is_file = os.path.lexists(path) and not path.is_dir()
    is_called_like_one = path.suffix.lower() in photo.SUFFIXES and not output.endswith(("/", os.sep))
    if path.is_dir() or not (is_file or is_called_like_one):
        return None
    if len(named) != 1 or _is_folder(named[0]):
        raise ConfigError(f"{path}: expected a folder for the results of several photos, this names a file")
    check_result_file(path, options)
    return path


class _Search:
    """Searches the paths that were given."""

    def __init__(self, named: Sequence[Path], output: Path | None) -> None:
        self.entries: list[_Folder | Job] = []
        self.left_out: list[str] = []
        self._films: list[Path] = []
        self._named = named
        self._output = output
        self._real = cache(os.path.realpath)
        self._results = None if output is None else self._real(output)
        self._noted: defaultdict[str, set[str]] = defaultdict(set)  # names by the real path of their folder

    def run(self) -> None:
        beside: defaultdict[Path, list[str]] = defaultdict(list)
        for path in self._named:
            beside[path.parent].append(path.name)
        neighbors = {parent: _Names(names) for parent, names in beside.items()}
        for path in self._named:
            is_folder = _is_folder(path)
            if len(self._named) > 1 and self._is_among_results(path if is_folder else path.parent):
                continue  # a wildcard took the results in
            if is_folder:
                self._search_tree(path)
            elif not neighbors[path.parent].has_result(path.name):  # else an earlier call with the same wildcard's
                self._note(path.parent, self._output or path.parent, [path.name])
                if (
                    not _is_photo(path.name)
                    and isinstance(self.entries[-1], _Folder)
                    and (header := photo.header(path))
                ):
                    self.entries[-1].by_content[path.name] = header.suffix
        if self._films:
            count = len(self._films)
            told = "a film" if count == 1 else f"{count} films, such as"
            self.left_out.append(f"left out {told} {self._films[0]}; give the path of a film to color it")

    def _search_tree(self, top: Path) -> None:
        waiting = [Path()]  # below `top`
        while waiting:
            relative = waiting.pop()
            folder, target = top / relative, (self._output or top) / relative
            try:
                names, films, folders, links = _scan(folder)
            except OSError as error:
                problem = f"{folder}: cannot be searched ({error.strerror})"
                self.entries.append(Job(folder, target, problem))
                continue
            own = _Names(names)
            place = "" if relative == Path() else relative.as_posix()
            self._note(folder, target, [name for name in names if not own.has_result(name)], place)
            self._films += [folder / name for name in films]
            for name in links:
                self.left_out.append(f"{folder / name}: a link to a folder, not followed; give its path to search it")
            below = [relative / name for name in reversed(folders)]
            waiting += [each for each in below if self._results is None or self._real(top / each) != self._results]

    def _note(self, source: Path, target: Path, names: list[str], place: str = "") -> None:
        if len(self._named) > 1:  # what is named twice is done once
            noted = self._noted[self._real(source)]
            names = [name for name in names if name not in noted]
            noted.update(names)
        last = self.entries[-1] if self.entries else None
        if isinstance(last, _Folder) and (last.source, last.target, last.place) == (str(source), str(target), place):
            last.names += names
        elif names:
            self.entries.append(_Folder(str(source), str(target), names, place))

    def _is_among_results(self, folder: Path) -> bool:
        return self._results is not None and Path(self._real(folder)).is_relative_to(self._results)


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file or folder") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _scan(folder: Path) -> tuple[list[str], list[str], list[str], list[str]]:
    """Sorted names of a folder's photos, films in gray, folders and links to folders, without hidden ones."""
    photos, films, folders, links = [], [], [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.is_symlink() and os.path.isdir(entry.path):
                links.append(entry.name)
            elif _is_photo(entry.name) and (entry.is_file(follow_symlinks=False) or entry.is_symlink()):
                photos.append(entry.name)  # also a broken link: reading it will raise
            elif _is_film(entry.name):
                films.append(entry.name)
    return sorted(photos), sorted(films), sorted(folders), sorted(links)


class _Names:
    """The photos among the files of one folder."""

    def __init__(self, names: Iterable[str]) -> None:
        photos = [name for name in names if _is_photo(name)]
        bases = chain(photos, (_split(name)[0] for name in photos))
        self._bases = {_shortened(base) for base in bases}

    def has_result(self, name: str) -> bool:
        """Whether `name` is a result's, NAME-color.EXT, and NAME one of these photos: then it is ours, not a source."""
        if RESULT_MARK not in name:
            return False
        result = _RESULT_STEM.fullmatch(_split(name)[0])
        return result is not None and result[1] in self._bases


def _is_photo(name: str) -> bool:
    return not name.startswith(".") and _split(name)[1].lower() in photo.SUFFIXES


def _is_film(name: str) -> bool:
    stem, suffix = _split(name)
    return suffix.lower() in FILM_SUFFIXES and RESULT_MARK not in stem  # else a result or a preview of one


def _split(name: str) -> tuple[str, str]:
    """Stem and suffix. What os.path.splitext does, in a fourth of the time."""
    dot = name.rfind(".")
    return (name[:dot], name[dot:]) if dot > 0 else (name, "")


def _result_name(name: str, marked: bool, file_format: str | None, variant: int, by_content: str | None = None) -> str:
    """NAME.EXT or NAME-color.EXT. Where EXT changes, the old one stays in the name, so that a.gif and a.png differ."""
    mark = (RESULT_MARK if marked else "") + (f"{VARIANT_MARK}{variant}" if variant else "")
    stem, suffix = _split(name)
    result_suffix = (not file_format and by_content) or _result_suffix(suffix, file_format)
    return f"{_shortened(stem if result_suffix == suffix else name)}{mark}{result_suffix}"


@cache
def _result_suffix(suffix: str, file_format: str | None) -> str:
    return photo.result_suffix(Path(f"photo{suffix}"), file_format)


def _shortened(base: str) -> str:
    """`base`, cut if it is too long: room is left for a code that makes it unique, for the marks and for a suffix."""
    room = _LONGEST_NAME - _LONGEST_END
    if len(base) * 4 <= room or len(encoded := os.fsencode(base)) <= room:  # no character takes more than 4 bytes
        return base
    code = f"~{hashlib.sha256(encoded).hexdigest()[:8]}"
    end = room - len(code)
    for _ in range(3):
        end -= encoded[end] & 0xC0 == 0x80  # not in the middle of a UTF-8 character
    return f"{os.fsdecode(encoded[:end])}{code}"


def _check_targets(folders: Sequence[_Folder]) -> None:
    """Refuse results that would be the same file, and results that would replace a source."""
    sources = _by_place((folder.source, folder) for folder in folders)
    targets = _by_place((folder.target, folder) for folder in folders)
    for place, into in targets.items():
        # By far most folders end here, and then nothing is kept of their names.
        results = {_alike(result) for folder in into for result in folder.results}
        if len(results) < sum(len(folder.results) for folder in into):
            _refuse_same_target(into)
        from_here = sources.get(place, ())
        if not results.isdisjoint(_alike(name) for folder in from_here for name in folder.names):
            _refuse_replaced_source(into, from_here)


def _by_place(folders: Iterable[tuple[str, _Folder]]) -> dict[str, list[_Folder]]:
    """Folders by a path of each; paths that some file system takes for one are one."""
    places: defaultdict[str, list[_Folder]] = defaultdict(list)
    for path, folder in folders:
        places[_alike(os.path.realpath(path))].append(folder)
    return places


def _refuse_same_target(into: Sequence[_Folder]) -> None:
    """Raise `ConfigError` if two sources have one target among those of these folders, which are at one place."""
    taken: dict[str, tuple[Path, Path]] = {}
    for source, target in chain.from_iterable(map(_pairs, into)):
        other, theirs = taken.setdefault(_alike(target.name), (source, target))
        if other != source and _are_one(target, theirs):
            raise ConfigError(
                f"{other} and {source} would both become {target}; choose another folder or name for one of them"
            )


def _refuse_replaced_source(into: Sequence[_Folder], sources: Sequence[_Folder]) -> None:
    """Raise `ConfigError` if a target of the former is a source of the latter, which are at one place."""
    named = {_alike(name): Path(folder.source, name) for folder in sources for name in folder.names}
    for source, target in chain.from_iterable(map(_pairs, into)):
        if (other := named.get(_alike(target.name))) and _are_one(target, other):
            raise ConfigError(f"{target}: the result of {source} would replace a source; choose another folder")


def _pairs(folder: _Folder) -> Iterator[tuple[Path, Path]]:
    for name, result in zip(folder.names, folder.results, strict=True):
        yield Path(folder.source, name), Path(folder.target, result)


def _alike(name: str) -> str:
    """The same for names that some file system takes for one."""
    return (
        name.lower() if name.isascii() else unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    )


def _are_one(first: Path, second: Path) -> bool:
    """Whether two alike names, in one folder or in folders that are alike, stand for one file there."""
    ours, theirs = (os.path.realpath(path.parent) for path in (first, second))
    return (ours, first.name) == (theirs, second.name) or ignores_case(Path(ours))


@cache
def ignores_case(folder: Path) -> bool:
    """Whether names that are alike are one at this place, found out by the names that exist: nothing is written."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    drive = folder.stat().st_dev
    while folder.stat().st_dev == drive:
        try:
            names = os.listdir(folder)
        except OSError:
            break
        for name in names:
            if (other := name.swapcase()) != name and other not in names:
                return os.path.lexists(folder / other) or sys.platform == "darwin"
        if folder == folder.parent:
            break
        folder = folder.parent
    return True  # an empty drive: rather ask for another name than lose a photo
