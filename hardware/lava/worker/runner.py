# pyright: reportMissingImports=false
"""Programs run in Lava, on samples that follow each other without a pause.

This file belongs to the worker and runs under Lava's interpreter. Lava is imported when a `Runner` is made.
"""

import importlib.util
import math
import mmap
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import process as process_module
from typing import Any

import numpy as np


class UnavailableError(Exception):
    """Something is not installed that the run needs."""


class Runner:
    """Lava, imported. `hardware` asks for the chip and not its simulation.

    Raises UnavailableError where the chip is asked for and Intel's lava-loihi is not there. No chip was at hand when
    this was written: that the adapters take no steps of their own is not proved, but a wrong step shows in the spikes.
    """

    def __init__(self, hardware: bool) -> None:
        from lava.magma.compiler.compiler_graphs import ProcGroupDiGraphs
        from lava.magma.core.process.process import ProcessServer
        from lava.magma.core.run_conditions import RunSteps
        from lava.magma.core.run_configs import Loihi2HwCfg, Loihi2SimCfg

        self._is_running = False
        self._adapters = None
        if hardware:
            # lava.utils.loihi.is_installed asks for this module too.
            if importlib.util.find_spec("lava.utils.loihi2_profiler") is None:
                raise UnavailableError(
                    "a run on Loihi itself needs Intel's lava-loihi, which is not in Lava's environment"
                )
            from lava.proc.embedded_io import spike

            self._adapters = spike
        self._configuration = (lambda: Loihi2HwCfg()) if hardware else (lambda: Loihi2SimCfg(select_tag="fixed_pt"))
        self._steps: Any = RunSteps
        self._server: Any = ProcessServer

        from network import Network
        from processes import make_processes

        self._network: Any = Network
        self._processes = make_processes()
        ProcGroupDiGraphs._find_proc_models = staticmethod(_remembering(ProcGroupDiGraphs._find_proc_models))

    def run(
        self,
        program: dict[str, np.ndarray],
        spikes: np.ndarray,
        every_layer: bool,
        tell: Callable[[int], None],
    ) -> dict[int, np.ndarray]:
        """The spikes [time, sample, *shape] of every layer, or of the last, by its number.

        `spikes` are those from outside, [time, sample, *shape]. `tell` is told, now and then and from another process,
        how many samples are done. On the chip a program must not be recurrent, have delays or read graded spikes.
        """
        steps, samples = spikes.shape[:2]
        sent = spikes.swapaxes(0, 1).reshape(steps * samples, *spikes.shape[2:])
        count = int(program["layers"])
        layers = list(range(count)) if every_layer else [count - 1]
        shapes = [tuple(program[f"{index}.shape"].tolist()) for index in layers]
        sizes = [math.prod(shape) for shape in shapes]
        network = self._network(program, sent, steps, self._processes, self._adapters)
        # Memory without a name, which Lava's processes share because they are forked.
        shared = mmap.mmap(-1, len(sent) * sum(sizes))
        heard = np.frombuffer(shared, np.uint8).reshape(len(sent), sum(sizes))

        def tell_samples(done: int) -> None:
            if done > 0 and done % steps == 0:
                tell(done // steps)

        recorder = network.recorder(layers, heard, tell_samples)
        depth = max(network.depths[index] for index in layers)
        self.advance(recorder, len(sent) + depth)
        self.stop(recorder)
        ends = np.cumsum(sizes)
        found = {}
        for index, shape, size, end in zip(layers, shapes, sizes, ends, strict=True):
            values = heard[:, end - size : end]
            if network.layers[index].is_image:
                values = values.reshape(-1, *shape[::-1]).transpose(0, 3, 2, 1)
            found[index] = values.reshape(samples, steps, *shape).swapaxes(0, 1)
        return found

    def advance(self, process: Any, steps: int) -> None:
        """Lets the processes that are connected to this one do so many of Lava's steps."""
        self._is_running = True
        try:
            process.run(condition=self._steps(num_steps=steps), run_cfg=self._configuration())
        except RuntimeError as error:
            # Lava itself says only how many of its processes failed.
            causes = [_cause(actor) for actor in process.runtime._messaging_infrastructure.actors]
            raise RuntimeError("; ".join(filter(None, causes)) or str(error)) from error
        finally:
            self._is_running = False

    def stop(self, process: Any) -> None:
        """Ends a run. Lava keeps all processes that there ever were; what each was given, spikes too, is dropped."""
        process.stop()
        for ended in self._server().processes:
            ended.proc_params._parameters.clear()
        self._server().processes.clear()

    def failure(self) -> str:
        """What went wrong in a process of Lava's that ended in the middle of `advance`; "" where none did.

        To be asked from another thread: the others may wait for such a process for ever, and so may Lava.
        """
        children: Any = process_module
        for child in tuple(children._children) if self._is_running else ():
            with suppress(ChildProcessError):
                # A look that leaves it to Lava to wait for the process.
                ended = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if ended and ended.si_code != os.CLD_EXITED:
                    return f"one of Lava's processes was killed by {signal.Signals(ended.si_status).name}"
                if ended:
                    return _cause(child) or "one of Lava's processes ended"
        return ""


def _cause(process: Any) -> str:
    """The error that a process of Lava's ended with; "" where it had none. Where it came from goes to the log."""
    if not getattr(process, "exception", None):
        return ""
    error, trace = process.exception
    # The log may lie on a disk that is full.
    with suppress(OSError):
        print(trace, file=sys.stderr, flush=True)
    return f"{type(error).__name__} in one of Lava's processes: {error}"


def _remembering(find: Callable[[Any], list]) -> Callable[[Any], list]:
    """The search for the models of a process, done once for its class.

    Lava's own executes every file beside the process's module for every process anew, and so most of the time to build
    a small network goes into it.
    """
    found: dict[type, list] = {}

    def remembered(proc: Any) -> list:
        kind = type(proc)
        if hasattr(kind, "process_model"):
            return [kind.process_model]
        if kind not in found:
            found[kind] = find(proc)
        return found[kind]

    return remembered
