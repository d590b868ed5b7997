"""Tests that were collected once, run again and again in forks, each on code that is changed there.

A function that is changed gets new code in the place of its own, so nothing is imported anew.
What runs at import, or is kept from it, is beyond this: see `mutation.alive_afresh`.
"""

from __future__ import annotations

import ast
import gc
import importlib
import os
import pickle
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import _lru_cache_wrapper, partial
from types import CodeType, FunctionType
from typing import Any, BinaryIO, Final, TypeVar

import mutants
import pytest
from hypothesis import Phase, settings
from mutants import Mutant

OPTIONS: Final = (
    "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist", "--capture=sys", "-m",
    "not browser and not heavy", "-o", "tmp_path_retention_policy=failed",
)  # fmt: skip
_MEMORY: Final = 6 << 30  # bytes of addresses: a change can make a loop that collects without end


@dataclass(frozen=True, slots=True)
class Test:
    """A test, and the seconds of processor that it takes on the code as it is."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Reach:
    """The lines of the statements that run under a test, by module."""

    test: Test
    lines: Mapping[str, frozenset[int]]


T = TypeVar("T")
_Keeper: Final = _lru_cache_wrapper


class Warm:
    """A session of pytest that does not run its tests, but asks them about mutants."""

    def __init__(self, modules: Sequence[str], use: Callable[[Warm], object]) -> None:
        self._modules, self._use = modules, use
        self._items: dict[str, pytest.Item] = {}
        self._functions: dict[str, list[FunctionType]] = {}
        self._keepers: list[_Keeper] = []
        self.reaches: Sequence[Reach] = ()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Let nobody make a failing example small: that it fails is all that is asked."""
        quick = settings(
            settings.get_profile("provision"),
            database=None,
            phases=[Phase.explicit, Phase.generate],
        )
        settings.register_profile("mutation", quick)
        settings.load_profile("mutation")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Find out what each test reaches, and hand over."""
        self._items = {item.nodeid: item for item in session.items}
        for module in self._modules:
            vars(importlib.import_module(module))[mutants.SEEN] = set()
        self._find()
        gc.freeze()  # from here on the collector looks at none of it, and copies no page
        self.reaches = answer(self._reach, ())
        self._use(self)
        return True

    def _reach(self) -> Sequence[Reach]:
        seen = {name: vars(sys.modules[name])[mutants.SEEN] for name in self._modules}
        for name in self._modules:
            self.swap(name, mutants.probed(name))
        return [self._reached(item, seen) for item in self._items.values()]

    def _reached(self, item: pytest.Item, seen: Mapping[str, set[int]]) -> Reach:
        for lines in seen.values():
            lines.clear()
        start = time.process_time()
        if not self._passes(item):
            sys.exit(f"this fails on the code as it is: {item.nodeid}")
        lines = {name: frozenset(lines) for name, lines in seen.items()}
        return Reach(Test(item.nodeid, time.process_time() - start), lines)

    def _find(self) -> None:
        """Find the functions of each file, and whatever keeps results."""
        for each in gc.get_objects():
            if isinstance(each, FunctionType):
                self._functions.setdefault(each.__code__.co_filename, []).append(each)
            elif isinstance(each, _Keeper) and each.__module__.startswith("provisioner"):
                self._keepers.append(each)

    def swap(self, module: str, tree: ast.Module) -> None:
        """Give the functions of a module the code of `tree`, and forget what they have kept.

        Raises ValueError where a function would close over other names.
        """
        file = str(mutants.source(module))
        codes = {_name(code): code for code in _codes(compile(tree, file, "exec"))}
        for function in self._functions.get(file, ()):
            function.__code__ = codes.get(_name(function.__code__), function.__code__)
        for each in self._keepers:
            each.cache_clear()

    def alive(self, mutant: Mutant, tests: Sequence[Test]) -> bool:
        """Whether a mutant passes these tests. Raises ValueError where it cannot be told here."""

        def verdict() -> bool:
            self.swap(mutant.module, mutant.tree)
            return all(self._passes(self._items[test.name], test.seconds) for test in tests)

        return answer(verdict, otherwise=False, seconds=patience(tests))

    def _passes(self, item: pytest.Item, seconds: float = 60.0) -> bool:
        signal.setitimer(signal.ITIMER_PROF, 2.0 + 10.0 * seconds)  # its default action is the end
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        return not item.session.testsfailed


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)


def _name(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def patience(tests: Iterable[Test]) -> int:
    """Return the seconds after which tests are no longer waited for."""
    return 120 + 20 * round(sum(test.seconds for test in tests))


def session(
    paths: Sequence[str], modules: Sequence[str], use: Callable[[Warm], Iterable[Any]]
) -> Iterator[Any]:
    """Collect tests in a fork, which stays warm there, and yield what `use` makes of them there."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        os.dup2(2, 1)
        with os.fdopen(writes, "wb") as to:
            tell = partial(_tell, use, to)
            code = pytest.main([*OPTIONS, *paths], plugins=[Warm(modules, tell)])
        os._exit(int(code))
    os.close(writes)
    with os.fdopen(reads, "rb") as said, suppress(EOFError):
        while True:
            yield pickle.load(said)  # noqa: S301
    if os.waitpid(child, 0)[1]:
        sys.exit("the tests do not pass on the code as it is")


def _tell(use: Callable[[Warm], Iterable[Any]], to: BinaryIO, warm: Warm) -> None:
    for each in use(warm):
        pickle.dump(each, to)
        to.flush()


def answer(ask: Callable[[], T], otherwise: T, seconds: int = 0) -> T:
    """Return what `ask` returns in a fork, which may do as it likes, or `otherwise` if it dies.

    It has so many seconds, 0 for no end. Raises ValueError if it does.
    """
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException), os.fdopen(writes, "wb") as to:
            _quiet(seconds)
            try:
                pickle.dump(ask(), to)
            except ValueError as error:
                pickle.dump(error, to)
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as said:
        data = said.read()
    os.waitpid(child, 0)
    found = pickle.loads(data) if data else otherwise  # noqa: S301
    if isinstance(found, ValueError):
        raise found
    return found


def _quiet(seconds: int) -> None:
    quiet = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(quiet, stream)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    signal.alarm(seconds)  # its default action is the end
