"""What many paths have in common, told from their text at once.

Imports nothing: the quick answer to "nothing to do" may need it. Knows no patterns and no disk.
"""

from __future__ import annotations


def common_folder(text: str, count: int) -> str | None:
    """The folder, with its last `/`, in which so many paths lie, given as the lines of a text.

    None if they lie in several, or one holds a newline. A few steps in C, whatever the count.
    """
    folder = text[: text.rfind("/", 0, text.find("\n") if count > 1 else None) + 1]
    last = count - 1
    alike = text.count("\n") == last == text.count("\n" + folder)
    return folder if alike and text.count("/") == folder.count("/") * count else None
