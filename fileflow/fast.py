"""Answers "nothing to do" before anything else is imported.

After a run `engine/conclusion.py` writes down what was found fresh and what that rests on: the
signature of every file that shaped the plan, of every source and of every output. If all that was
asked for was fresh and all of it is still so, the answer is the same, and needs no plan. Anything
unexpected gives no answer: then the whole engine looks. What differs is handed over to it, so that
it need not look at all these files again. Knows nothing of rules or jobs.

Layout of `.fileflow/fresh`: a line with format and checksum, then sections of (length, bytes): the
key (empty if there is no answer), the environment that must be there, the answer, the proofs of
whole rules and of some of their jobs (16 bytes each), folders whose signature is that of what is
below them, and blocks of files: their number, 32 bytes for each, zeros for a path at which nothing
is, ones for what was not sure, and the paths, each ended by NUL.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from struct import Struct
from zlib import crc32

from fileflow.signature import NOTHING, SIGNATURE, all_have

STATE = ".fileflow"
NAME = "Workflowfile"
FILE = f"{STATE}/fresh"
FORMAT = b"fileflow fresh 3 "
NUMBER = Struct("<Q")
UNSURE = b"\xff" * 32
BLOCK = 8192
KEY, ENVIRONMENT, ANSWER, WHOLES, PROOFS, FOLDERS, FIRST_BLOCK = range(7)
# From so many files on a second process looks at half of them.
WORTH_FORKING = 20_000
HANDED = "FILEFLOW_LOOKED_AT"
_TOKEN = Struct("<H")
_MOST_HANDED = 48 * 1024  # what a pipe surely holds
_MUCH = 512
# Options that change neither what is fresh nor what is said of it, and those of them with a value.
_SAYS_NOTHING = ("-v", "--verbose", "-p", "--print", "-k", "--keep-going", "--resume", "--wait")
_QUIET = ("-q", "--quiet")
_VALUES = {
    "-j": None,
    "--jobs": None,
    "--progress": ("auto", "bar", "plain", "none"),
    "--color": ("auto", "never"),
}


def understood(argv: Sequence[str]) -> tuple[list[str], bool] | None:
    """The words that are no options, and whether nothing is to be said; None if options matter."""
    words: list[str] = []
    quiet = False
    left = list(argv)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        if name in _VALUES and (equals or left):
            allowed = _VALUES[name]
            value = value if equals else left.pop(0)
            if not (value.isdigit() and int(value) if allowed is None else value in allowed):
                return None
        elif word[:2] == "-j" and word[2:].isdigit() and int(word[2:]):
            continue
        elif word in _QUIET:
            quiet = True
        elif word in _SAYS_NOTHING:
            quiet = quiet and word not in _SAYS_NOTHING[:2]
        elif word[:1] == "-":
            return None
        else:
            words.append(word)
    return words, quiet


def key_of(argv: Sequence[str], below: str) -> bytes | None:
    """What the answer depends on beside files; None for a command line with options that matter.

    Args:
        argv: the words after the program's name.
        below: the current folder, relative to the Workflowfile's.
    """
    found = understood(argv)
    if found is None:
        return None
    # The first entry of sys.path is the way fileflow was started; `below` stands for it.
    path = (sys.version, *sys.path[1:], os.environ.get("PYTHONPATH", ""), below)
    return "\0".join((*path, *found[0])).encode("utf-8", "surrogateescape")


def answer(argv: Sequence[str]) -> str | None:
    """The line to say if there is nothing to do (or no line), or None if that is not known."""
    try:
        here = os.getcwd()
        root = here
        while not os.path.isfile(os.path.join(root, NAME)):
            above = os.path.dirname(root)
            if above == root:
                return None
            root = above
        found = understood(argv)
        key = key_of(argv, os.path.relpath(here, root))
        if found is None or key is None:
            return None
        os.chdir(root)
        try:
            said = _checked(key)
        finally:
            os.chdir(here)
        return "" if said is not None and found[1] else said
    except (OSError, ValueError):
        return None


def _checked(key: bytes) -> str | None:
    sections = read()
    if sections is None or not key or bytes(sections[KEY]) != key:
        return None
    names = bytes(sections[ENVIRONMENT]).decode().split("\0")
    if any(name not in os.environ for name in names if name):
        return None
    look = Look.begin(sections)
    if look.goes_on(sections, until_it_differs=True) and not look.result(sections):
        return bytes(sections[ANSWER]).decode("utf-8", "surrogateescape")
    looked.keep(look)
    return None


def read() -> list[memoryview] | None:
    """The sections of the conclusion in this folder, or None if there is none that is whole."""
    try:
        with open(FILE, "rb", opener=_at_once) as file:
            data = memoryview(file.read() or b"")
    except OSError:
        return None
    head = len(FORMAT) + 9
    body = data[head:]
    if bytes(data[:head]) != FORMAT + b"%08x\n" % crc32(body):
        return None
    sections = [data[:head]]
    at = 0
    while at < len(body):
        (length,) = NUMBER.unpack_from(body, at)
        sections.append(body[at + 8 : at + 8 + length])
        at += 8 + length
    # The first line, by which one conclusion is told from another, goes last.
    sections.append(sections.pop(0))
    return sections if len(sections) > FIRST_BLOCK else None


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO in its place would block


def blocks_of(sections: Sequence[memoryview]) -> Sequence[memoryview]:
    """The folders, and the blocks of files."""
    return sections[FOLDERS:-1]


def block(section: memoryview) -> tuple[list[str], memoryview]:
    """The paths of a block and their signatures, 32 bytes each."""
    if not len(section):
        return [], section
    (count,) = NUMBER.unpack_from(section, 0)
    signs = section[8 : 8 + 32 * count]
    text = bytes(section[8 + 32 * count :]).decode("utf-8", "surrogateescape")
    return text.split("\0")[:-1], signs


class Look:
    """A look at the files of a conclusion, block by block, of which a child of this process does a
    part if they are many.

    The numbers of the blocks that nobody has looked at stand in a pipe, from which both take them;
    what the child finds comes through another one, its first find at once, the others at its end.
    So the look can be left when it is plain that something differs, while the child goes on, and be
    ended later: also by the interpreter that takes this one's place.
    """

    def __init__(
        self, head: bytes, found: Sequence[int], left: int = -1, theirs: int = -1, child: int = 0
    ) -> None:
        """`head` is the first line of the conclusion, `found` what differs as far as is known here;
        of the child the pipe of the blocks that are left, that of its findings, and its id."""
        self.head = head
        self.found = list(found)
        self.left = left
        self.theirs = theirs
        self.child = child

    @classmethod
    def begin(cls, sections: Sequence[memoryview]) -> Look:
        """Looks at what shaped the plan; the rest is for `goes_on`, and for a child, or done."""
        blocks = blocks_of(sections)
        head = bytes(sections[-1])
        numbers = [0, *range(2, len(blocks))]
        alone = "threading" not in sys.modules or sys.modules["threading"].active_count() == 1
        count = sum(map(len, blocks[1:])) // 80
        if (
            count < WORTH_FORKING
            or not hasattr(os, "fork")
            or not alone
            or (os.cpu_count() or 1) < 2
            or 2 * len(numbers) > _MOST_HANDED
        ):
            return cls(head, _differing(blocks, range(len(blocks))))
        found = _differing(blocks, (1,))
        left, writer = os.pipe()
        os.write(writer, b"".join(map(_TOKEN.pack, numbers)))
        os.close(writer)
        theirs, writer = os.pipe()
        parent = os.getpid()
        try:
            child = os.fork()
        except OSError:
            os.close(left)
            os.close(theirs)
            os.close(writer)
            return cls(head, _differing(blocks, range(len(blocks))))
        if child == 0:
            fine = False
            try:
                os.close(theirs)
                found = []
                told = 0
                while (token := os.read(left, _TOKEN.size)) and os.getppid() == parent:
                    found += _differing(blocks, _TOKEN.unpack(token))
                    if found and not told:
                        told = os.write(writer, NUMBER.pack(found[0]))
                with open(writer, "wb") as file:
                    file.write(b"".join(map(NUMBER.pack, found))[told:])
                fine = not token
            finally:
                os._exit(0 if fine else 1)
        os.close(writer)
        return cls(head, found, left, theirs, child)

    def goes_on(self, sections: Sequence[memoryview], *, until_it_differs: bool = False) -> bool:
        """Looks at the blocks that are left, or until something differs; whether none is left."""
        if not self.child:
            return True
        blocks = blocks_of(sections)
        while not (until_it_differs and (self.found or self._hears())):
            token = os.read(self.left, _TOKEN.size)
            if not token:
                return True
            self.found += _differing(blocks, _TOKEN.unpack(token))
        return False

    def _hears(self) -> bool:
        """Takes the child's first find, if it has told one."""
        from select import select

        if select([self.theirs], [], [], 0)[0]:
            told = os.read(self.theirs, NUMBER.size)  # nothing if it has found none, and has ended
            self.found += [number for (number,) in NUMBER.iter_unpack(told)]
        return bool(self.found)

    def result(self, sections: Sequence[memoryview]) -> list[int]:
        """Which files are not as they were, when all are looked at."""
        if not self.child:
            return self.found
        with open(self.theirs, "rb", closefd=False) as file:
            theirs = file.read()
        if self._end():
            blocks = blocks_of(sections)
            self.found = _differing(blocks, range(len(blocks)))
        else:
            self.found += [number for (number,) in NUMBER.iter_unpack(theirs)]
        return self.found

    def _end(self) -> int:
        os.close(self.left)
        os.close(self.theirs)
        child = self.child
        self.left = self.theirs = -1
        self.child = 0
        try:
            return os.waitpid(child, 0)[1]
        except ChildProcessError:
            return -1

    def drop(self) -> None:
        """Nobody wants to know."""
        if self.child:
            os.kill(self.child, 9)
            self._end()


def differing(sections: Sequence[memoryview]) -> list[int]:
    """Which files are not as they were: block number << 32 | place in it, folders first."""
    look = Look.begin(sections)
    look.goes_on(sections)
    return look.result(sections)


def _differing(blocks: Sequence[memoryview], numbers: Sequence[int]) -> list[int]:
    out: list[int] = []
    for number in numbers:
        paths, signs = block(blocks[number])
        if not paths:
            continue
        if not number:
            from fileflow.world.files import signature

            now = []
            for path in paths:
                try:
                    now.append(signature(path) or NOTHING)
                except OSError:
                    now.append(b"")  # as below
        else:
            if len(paths) > _MUCH and all_have(paths, signs):
                continue
            now = _signatures(paths)
        start = number << 32
        for at, sign in enumerate(now):
            if sign != signs[32 * at : 32 * at + 32]:
                out.append(start | at)
    return out


def _signatures(paths: list[str]) -> list[bytes]:
    look = os.stat
    pack = SIGNATURE.pack
    now = []
    for path in paths:
        try:
            found = look(path)
            now.append(pack(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino))
        except (FileNotFoundError, NotADirectoryError):
            now.append(NOTHING)
        except OSError:
            now.append(b"")  # as nothing that was ever written down
    return now


class Looked:
    """A look in which something differs from a conclusion, on its way to the engine.

    The engine may run in the interpreter that takes this one's place: then a pipe holds what was
    found. It goes one way, once, right after the look: what nobody hands over is never taken.
    """

    def __init__(self) -> None:
        self._look: Look | None = None
        self._handed: Look | None = None

    def keep(self, look: Look) -> None:
        """Keeps a look for `hand_over`."""
        if self._look is not None:
            self._look.drop()
        self._look = look

    def hand_over(self, *, here: bool) -> None:
        """Puts it where the engine finds it: in this interpreter, or in the one that comes next."""
        look, self._look = self._look, None
        if here:
            self._handed = look
            return
        os.environ[HANDED] = f"{os.getpid()}:"
        if look is None:
            return
        data = look.head + b"".join(map(NUMBER.pack, look.found))
        if len(data) > _MOST_HANDED:
            look.drop()
            return
        reader, writer = os.pipe()
        os.write(writer, data)
        os.close(writer)
        for descriptor in (reader, look.left, look.theirs):
            if descriptor >= 0:
                os.set_inheritable(descriptor, True)
        os.environ[HANDED] += f"{reader}:{look.left}:{look.theirs}:{look.child}"

    def receive(self) -> bool:
        """Takes what the interpreter before left; whether there was one that looked."""
        process, _, rest = os.environ.pop(HANDED, "").partition(":")
        if process != str(os.getpid()):
            return False
        if rest:
            reader, left, theirs, child = map(int, rest.split(":"))
            with open(reader, "rb") as file:
                data = file.read()
            head = len(FORMAT) + 9
            found = [number for (number,) in NUMBER.iter_unpack(data[head:])]
            if child:
                os.set_inheritable(left, False)
                os.set_inheritable(theirs, False)
            self._handed = Look(data[:head], found, left, theirs, child)
        return True

    @property
    def is_under_way(self) -> bool:
        """Whether something differs, and a child still looks what else does."""
        return self._handed is not None and bool(self._handed.child)

    def take(self, sections: Sequence[memoryview]) -> list[int] | None:
        """The numbers of the files that differ from this very conclusion, if that was handed over;
        once: later looks are looks of their own."""
        handed, self._handed = self._handed, None
        if handed is None:
            return None
        if handed.head != bytes(sections[-1]):
            handed.drop()
            return None
        handed.goes_on(sections)
        return handed.result(sections)

    def forget(self) -> None:
        """Time has passed since: it counts no more."""
        handed, self._handed = self._handed, None
        if handed is not None:
            handed.drop()


looked = Looked()
