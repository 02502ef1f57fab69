"""The exceptions that end a run for a reason the user should read."""

from __future__ import annotations


class InputError(Exception):
    """The input cannot be used.

    The message is one line that says what is wrong and what to do about it; it is shown as it
    stands, without a traceback, and the command line exits with code 2. It holds no patient data.
    """


class Cancelled(Exception):  # noqa: N818 - a request that was honored, not an error
    """The user asked the run to stop; the command line exits with code 3."""
