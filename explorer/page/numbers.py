"""The numbers of one net as the page shows them: each is computed when it is first asked for, and only then."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from densenet import MemoryEstimate, Totals, Workload, estimate_memory, totals
from densenet.arithmetic.costs import Step, steps
from densenet.config import CHECKPOINTING
from densenet.presets import PRESETS
from explorer.page.page_state import PageState


@dataclass(frozen=True)
class Numbers:
    """What the library says of `state`. One value goes to headline, charts and verdict, so that none of them computes it again."""

    state: PageState
    _estimates: dict[Workload, MemoryEstimate] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def totals(self) -> Totals:
        """Counts of the whole net, for one image."""
        return totals(self.state.config, self.state.workload.image_size)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Counts of each step of the net, for one image."""
        return steps(self.state.config, self.state.workload.image_size)

    def memory(self, workload: Workload) -> MemoryEstimate:
        """What one step of the net takes, asked for in another way than the page's own."""
        if workload not in self._estimates:
            self._estimates[workload] = estimate_memory(self.state.config, workload)
        return self._estimates[workload]

    @property
    def estimate(self) -> MemoryEstimate:
        """What the step takes that the page asks for."""
        return self.memory(self.state.workload)

    def peak(self, mode: str) -> int:
        """Bytes at the peak of inference or of a training step, all else as the page asks for it."""
        return self.memory(replace(self.state.workload, mode=mode)).peak

    @property
    def kinds(self) -> dict[Workload, MemoryEstimate]:
        """Training with each kind of checkpointing, and inference."""
        training = [replace(self.state.workload, mode="train", checkpointing=kind) for kind in CHECKPOINTING]
        return {workload: self.memory(workload) for workload in (*training, replace(self.state.workload, mode="infer"))}


@lru_cache(maxsize=len(PRESETS))
def numbers_beside(state: PageState) -> Numbers:
    """Return the numbers of a net that others are set beside, a preset or the one pinned as A: it stays while the sliders move."""
    return Numbers(state)
