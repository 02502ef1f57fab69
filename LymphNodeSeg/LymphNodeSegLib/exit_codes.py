"""How a run ends for the shell that started it."""

from __future__ import annotations

import functools
import sys
from typing import Any, Callable, NoReturn

from .errors import Cancelled, InputError

DONE, DEFECT, UNUSABLE, CANCELLED = 0, 1, 2, 3
"""Done (no node found included), a defect of ours, an input that can't be used, cancelled by the user."""


def fail(text: str, code: int) -> NoReturn:
    """Say what is wrong in one line and leave."""
    print("lymphnodeseg: " + " ".join(text.split()), file=sys.stderr)
    raise SystemExit(code)


def with_exit_codes(command: Callable[..., None]) -> Callable[..., None]:
    """Turn the exceptions that a user should read into one line and the exit code of the contract."""

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except InputError as error:
            fail(str(error), UNUSABLE)
        except (Cancelled, KeyboardInterrupt):
            fail("cancelled; nothing was written.", CANCELLED)
        except MemoryError:
            fail("not enough memory for these images: close other programs or crop the images.", UNUSABLE)

    return wrapper
