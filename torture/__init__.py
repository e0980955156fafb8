"""Attacks on what unknot promises: `make torture` writes docs/robustness.md.

`python -m torture --quick` prints a sample of them.

- `kills`: processes die at every rename of a file; a resume must give what an unbroken run gives.
- `hostile`: files that are damaged, huge or nonsense; each is refused in a sentence, or read right.
- `fuzz`: calls with random arguments, good and bad; a refused call changes nothing.
- `soak`: environments step for hours' worth of steps, and are checked all the way.

Each has `attack(quick) -> Report`.
"""
