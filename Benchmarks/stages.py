"""Time and peak memory of each stage of one study, and what inference costs beside its bare forward passes.

    python -m Benchmarks.stages STUDY_DIR [--device auto|cuda|mps|cpu] [--runs 3]

The first run pays for start-up (imports, loading); the figures are those of the last run, in the same
process. Peak memory is the process's resident set, sampled every 5 ms (Linux).
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from LymphNodeSegLib import pipeline
from LymphNodeSegLib.job import Job, Reading
from LymphNodeSegLib.progress import Silent
from LymphNodeSegLib.settings import Settings

PAGE_MIB = 4096 / 2**20


class MemoryWatch(Silent):
    """Progress that keeps the peak of the resident set of each stage."""

    def __init__(self) -> None:
        self.stage_name = ""
        self.peak_mib: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def stage(self, name: str) -> None:
        """A stage begins."""
        self.stage_name = name

    def _sample(self) -> None:
        statm = Path("/proc/self/statm")
        while not self._stop.wait(0.005):
            resident_mib = int(statm.read_text().split()[1]) * PAGE_MIB
            self.peak_mib[self.stage_name] = max(resident_mib, self.peak_mib.get(self.stage_name, 0.0))


def inference_times(reading: Reading, repeats: int) -> tuple[float, float, float]:
    """Median seconds of whole inference, of its first look alone, and of the bare forward passes of that.

    The three are taken in turn. The bare passes run on the same batches of the same slices, resident in the
    number format and memory layout that inference itself uses; nothing but ERU-Net is timed.
    """
    import torch
    from LymphNodeSegLib.network import inference, runner

    images = (reading.study.t2, reading.registration.dwi, reading.registration.known)
    both, device = reading.model, reading.device
    adc = pipeline.adc_for(reading.registration, both, Silent())
    first = replace(both, second=None)
    network, dtype = runner.runner_for(first.network, device)
    spent: dict[str, list[float]] = {"whole": [], "first": [], "bare": []}
    with torch.inference_mode():
        slices = inference.prepare(*images, first)[:].to(device, dtype)
        batch = runner.batch_size(slices, device)
        batches = [part.contiguous(memory_format=torch.channels_last) for part in slices.split(batch)]

        def bare() -> None:
            for part in batches:
                network(part)
            if device == "cuda":
                torch.cuda.synchronize()

        ways = {
            "whole": lambda: inference.segment_image(*images, both, device, adc=adc),
            "first": lambda: inference.segment_image(*images, first, device),
            "bare": bare,
        }
        for _ in range(repeats):
            for name, way in ways.items():
                began = time.perf_counter()
                way()
                spent[name].append(time.perf_counter() - began)
    whole, alone, least = (sorted(times)[repeats // 2] for times in spent.values())
    return whole, alone, least


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("study", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    settings = Settings(device=arguments.device)
    for _ in range(arguments.runs):
        with tempfile.TemporaryDirectory() as folder, MemoryWatch() as watch:
            began = time.perf_counter()
            reading = pipeline.segment(
                Job(out=Path(folder) / "out", study=arguments.study, settings=settings), watch
            )
            total = time.perf_counter() - began
    print(f"{'stage':<28}{'seconds':>9}{'peak MiB':>10}")
    for name in pipeline.STAGES:
        print(f"{name:<28}{reading.seconds[name]:>9.2f}{watch.peak_mib.get(name, 0.0):>10.0f}")
    print(f"{'study to result':<28}{total:>9.2f}{max(watch.peak_mib.values()):>10.0f}   on {reading.device}")
    whole, first, bare = inference_times(reading, 21)
    print(f"first look {first:.2f} s, its bare forward passes {bare:.2f} s: ratio {first / bare:.3f}")
    print(f"both looks {whole:.2f} s: ratio to the first {whole / first:.3f}")


if __name__ == "__main__":
    main()
