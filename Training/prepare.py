"""From phantoms, or from a folder of a user's own cases, to prepared cases in the cache."""

from __future__ import annotations

import hashlib
import json
from multiprocessing import get_context
from pathlib import Path
from typing import Optional

from LymphNodeSegLib.errors import InputError

from .cases import Case, read_cases
from .config import Config


def cache_folder(config: Config) -> Path:
    """Where the prepared cases of a configuration lie; another source or preprocessing has another folder."""
    data = config.data
    shares = [float(data.standard_share), float(data.varied_share)]
    facts = json.dumps([data.source, float(config.preprocessing.pixel_mm), *shares, "with ADC, registered"])
    return Path(config.data.cache).expanduser() / hashlib.sha256(facts.encode()).hexdigest()[:12]


def prepare_cases(config: Config, jobs: int = 1) -> int:
    """Prepare every case that is not prepared yet.

    Args:
        config: The run.
        jobs: Processes at a time.

    Returns:
        Number of cases that are ready.
    """
    if config.data.source == "phantom":
        from .phantoms import prepare_phantom as one_case

        names = [str(config.data.first_seed + number) for number in range(config.data.cases)]
        work = [(int(name), config, cache_folder(config) / f"phantom-{name}") for name in names]
    else:
        from .own_cases import case_folders
        from .own_cases import prepare_own as one_case  # type: ignore[assignment]

        folders = case_folders(Path(config.data.source).expanduser())
        work = [(folder, config, cache_folder(config) / folder.name) for folder in folders]  # type: ignore[misc]
    if jobs == 1:
        for number, arguments in enumerate(work, 1):
            one_case(*arguments)
            print(f"{number} of {len(work)}", flush=True)
    else:
        with get_context("spawn").Pool(jobs) as pool:
            pool.starmap(one_case, work, chunksize=1)
    return len(cases_of(config))


def cases_of(config: Config, known: Optional[dict[Path, Case]] = None) -> list[Case]:
    """The prepared cases of a configuration.

    Args:
        config: The run.
        known: See `read_cases`.

    Raises:
        InputError: there is none.
    """
    cases = read_cases(cache_folder(config), known)
    if config.data.source != "phantom":
        return cases
    wanted = range(config.data.first_seed, config.data.first_seed + config.data.cases)
    chosen = [one for one in cases if int(one.patient.split("-")[1]) in wanted]
    if not chosen:
        raise InputError("There are no prepared cases: run `python -m Training prepare` first.")
    return chosen
