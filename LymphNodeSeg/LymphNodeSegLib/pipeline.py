"""The one road: a study goes in, a result folder comes out. Names the stages, does none of their work."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Optional

from .job import Job, Reading
from .progress import Progress, Silent
from .result_folder import RESULT_FILES, ResultFolder
from .settings import Settings

if TYPE_CHECKING:
    from .images.image import Image, StudyImages
    from .network.model_file import Model
    from .registration.result import Registration

READ, REGISTER, SEGMENT, MEASURE, WRITE = (
    "Reading images",
    "Registering DWI to T2",
    "Finding lymph nodes",
    "Separating and measuring",
    "Writing results",
)
STAGES = (READ, REGISTER, SEGMENT, MEASURE, WRITE)


def segment(job: Job, progress: Optional[Progress] = None) -> Reading:
    """Run a job from files to the result folder.

    Raises:
        InputError: the input cannot be used; nothing is left behind.
        Cancelled: the user asked to stop; nothing is left behind.
    """
    from .results import write_record, write_result_files

    watch = Stopwatch(progress or Silent())
    with ResultFolder(job.out, RESULT_FILES) as folder:
        watch.stage(READ)
        study = read_study(job, watch)
        reading = read(study, job.settings, watch)
        watch.stage(WRITE)
        created = datetime.now(timezone.utc).isoformat(timespec="seconds")
        reading = write_result_files(reading, job.settings, folder.staging, created, watch)
        watch.stop()
        write_record(reading, job.settings, folder.staging, created)
        folder.publish()
    return reading


def read_study(job: Job, progress: Progress) -> StudyImages:
    """The images a job names, loaded and checked against each other."""
    from .images.study import load_pair, load_study

    if job.study is not None:
        return load_study(job.study, progress, job.wanted)
    assert job.t2 is not None  # a Job has a study or a pair
    assert job.dwi is not None
    return load_pair(job.t2, job.dwi, job.adc, progress)


def read(study: StudyImages, settings: Settings, progress: Progress) -> Reading:
    """From images to measured nodes, in memory.

    Raises:
        InputError: the images or the model cannot be used.
        Cancelled: the user asked to stop.
    """
    from .images.checks import check_pair
    from .network.flips import flip_spread
    from .network.inference import pick_device, segment_image
    from .network.model_file import load_model
    from .nodes.measure import measure_nodes
    from .nodes.separate import find_nodes
    from .registration.register import register

    watch = progress if isinstance(progress, Stopwatch) else Stopwatch(progress)
    for warning in check_pair(study.t2, study.dwi, study.adc):
        watch.warn(warning)

    # Before the long work, so that a wrong model or device is told at once.
    device = pick_device(settings.device)
    model = load_model(settings.model, trust_unlisted=settings.trust_unlisted_model)

    watch.stage(REGISTER)
    registration = register(study, settings.registration, watch)

    watch.stage(SEGMENT)
    adc = adc_for(registration, model, watch)
    probability = segment_image(study.t2, registration.dwi, registration.known, model, device, watch, adc)

    watch.stage(MEASURE)
    labels = study.t2.with_array(find_nodes(probability, watch, peak=model.peak))
    nodes = measure_nodes(
        labels,
        probability=probability,
        probability_spread=flip_spread(
            study.t2, registration.dwi, registration.known, labels.array, model, device
        ),
        dwi=registration.dwi,
        adc=registration.adc,
        t2=study.t2,
        known=registration.known,
        settings=settings,
    )
    watch.stop()
    return Reading(
        study,
        registration,
        probability,
        labels,
        nodes,
        model,
        device,
        tuple(watch.warnings),
        watch.seconds,
    )


def adc_for(registration: Registration, model: Model, progress: Progress) -> Optional[Image]:
    """The ADC that the second look is shown: the study's map, else that of two b-values, else none."""
    from .images.diffusion import adc_of

    if model.second is None or registration.adc is not None:
        return registration.adc
    adc = adc_of(registration.dwi_series)
    if adc is None:
        progress.message(
            "There is no ADC, and no b-values to make one of: more of what is found will be no lymph node."
        )
    else:
        progress.message(f"There is no ADC map: the network sees the ADC of {adc.acquisition.description}.")
    return adc


class Stopwatch:
    """Progress that is handed on while the wall time of each stage and the warnings are kept."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stage, self._began = "", 0.0
        self.seconds: dict[str, float] = {}
        self.warnings: list[str] = []

    def stage(self, name: str) -> None:
        """See `Progress.stage`."""
        self.stop()
        self._stage, self._began = name, time.perf_counter()
        self._progress.stage(name)

    def stop(self) -> None:
        """The current stage is over."""
        if self._stage:
            self.seconds[self._stage] = round(time.perf_counter() - self._began, 3)
            self._stage = ""

    def fraction(self, done: float) -> None:
        """See `Progress.fraction`."""
        self._progress.fraction(done)

    def message(self, text: str) -> None:
        """See `Progress.message`; what a stage says to the user belongs to the result too."""
        self.warn(text)

    def warn(self, text: str) -> None:
        """Tell the user, and keep it for the report."""
        self.warnings.append(text)
        self._progress.message(text)
