"""A worker for tests: ``worker_process.py URL FAULT``. A fault names what goes wrong in ranges with row 0.

* none
* fails        it raises, whenever it is tried
* waits        it comes to no end, but stops when it is told to
* late         it is computed, and brought when there is a file ``thaw`` in the home folder; the ledger's
               answer is written to ``answer``
* deaf         as above, and does not even stop: at the first attempt, which leaves a file in the home folder

``TREEFOLIO_CHUNK_TIMEOUT_S`` is for the range with row 0 alone: on a busy machine any other may take long.
"""

from __future__ import annotations

import sys
import threading

from treefolio.jobs import worker
from treefolio.jobs.chunks import GoOn, Halted, Ready, Workshop
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.database import engine_of
from treefolio.jobs.ledger.records import Chunk, Work
from treefolio.jobs.settings import JobSettings

worker.DEAF_SECONDS = worker.GRACE_SECONDS = 0.3
worker.LAST_SECONDS = 3.0
never = threading.Event()


class Hurried(worker.Worker):
    """A worker that is in a hurry with row 0, as long as that has its fault."""

    def _hurry(self) -> None:
        self.settings = short if self.hand is not None and faulty(self.hand.chunk) else patient
        super()._hurry()


def faulty(chunk: Chunk) -> bool:
    """It is the range that goes wrong; a deaf one is well at its second attempt, which takes its time."""
    well = workshop.fault == "deaf" and chunk.attempt > 1
    return chunk.work is Work.ROWS and chunk.first == 0 and not well


class Faulty(Workshop):
    """A workshop in which something goes wrong."""

    fault = "none"

    def range(self, ready: Ready, chunk: Chunk, go_on: GoOn) -> bytes:
        """As `Workshop.range`, but for row 0."""
        if chunk.first == 0 and self.fault == "fails":
            raise ValueError("row 0 is cursed")
        if chunk.first == 0 and self.fault == "waits":
            while go_on():
                never.wait(0.01)
            raise Halted
        mark = self.settings.home / "was-deaf"
        if chunk.first == 0 and self.fault == "deaf" and not mark.exists():
            mark.touch()
            never.wait()
        content = super().range(ready, chunk, go_on)
        (self.settings.home / f"computed-{chunk.first}").touch()
        while chunk.first == 0 and self.fault == "late" and not (self.settings.home / "thaw").exists():
            never.wait(0.01)
        return content

    def rows(self, chunk: Chunk, go_on: GoOn) -> bool:
        """As `Workshop.rows`; the answer for row 0 is written down."""
        kept = super().rows(chunk, go_on)
        if chunk.first == 0:
            (self.settings.home / "answer").write_text(str(kept), encoding="utf-8")
        return kept


if __name__ == "__main__":
    short = JobSettings()
    patient = short.model_copy(update={"chunk_timeout_s": 600.0})
    engine = engine_of(sys.argv[1], connections=4, transaction_s=patient.transaction_s)
    bench = Bench(engine, patient)
    workshop = Faulty(bench, patient)
    workshop.fault = sys.argv[2]
    with worker.heeding() as told:
        Hurried(sys.argv[1], bench, workshop, patient).serve(told)
