"""What is done to the chunks: ordinary functions, copied beside each workload.

As a program, `python steps.py FUNCTION INPUT OUTPUT` does one chunk: that is how tools that know
no Python functions call it. An INPUT that begins with `@` names a file that lists the inputs.
"""

import random
import sys
import time
from pathlib import Path


def summarise(input: Path, output: Path) -> None:
    """Count, mean, variance and range of the numbers of one chunk, and a draw that is not used."""
    numbers = [float(line) for line in input.read_text().split()]
    count = len(numbers)
    mean = sum(numbers) / count
    variance = sum((number - mean) ** 2 for number in numbers) / count
    random.random()  # a module that draws is one whose generator has to be seeded
    output.write_text(f"{count} {mean!r} {variance!r} {min(numbers)!r} {max(numbers)!r}\n")


def total(input: list[Path], output: Path) -> None:
    """Adds up what `summarise` wrote."""
    count, mean = 0, 0.0
    for path in input:
        with open(path) as file:
            words = file.read().split()
        count += int(words[0])
        mean += float(words[1])
    output.write_text(f"{count} {mean / len(input)!r}\n")


def copy(input: Path, output: Path) -> None:
    output.write_bytes(input.read_bytes())


def copy_large(input: Path, output: Path) -> None:
    """The same in blocks, through one buffer."""
    buffer = bytearray(1 << 20)
    view = memoryview(buffer)
    with open(input, "rb", buffering=0) as source, open(output, "wb", buffering=0) as result:
        while size := source.readinto(buffer):
            result.write(view[:size])


def count(input: list[Path], output: Path) -> None:
    output.write_text(f"{len(input)}\n")


def burn(input: Path, output: Path) -> None:
    """As many rounds of work as the chunk says."""
    rounds = int(input.read_text())
    value = 1
    for _ in range(rounds):
        value = (value * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
    output.write_text(f"{value}\n")


def nap(input: Path, output: Path) -> None:
    """Takes the seconds that the chunk says, whatever else the machine does."""
    text = input.read_text()
    time.sleep(float(text))
    output.write_text(text)


def scatter(input: Path, output: Path) -> None:
    """Writes each line of the input as a chunk of its own into the folder `output`."""
    for number, line in enumerate(input.read_text().splitlines()):
        (output / f"{number}.txt").write_text(line.replace(" ", "\n") + "\n")


def main(argv: list[str]) -> None:
    name, source, result = argv
    output = Path(result)
    output.parent.mkdir(parents=True, exist_ok=True)
    if source.startswith("@"):
        globals()[name]([Path(path) for path in Path(source[1:]).read_text().split()], output)
    else:
        globals()[name](Path(source), output)


if __name__ == "__main__":
    main(sys.argv[1:])
