"""The bundled incident: a simulated day of a real story, with the truth beside it."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline import queries
from pipeline.config import Settings
from pipeline.usecases.incident import Incident, Progress, Question, investigate
from pipeline.usecases.scoring import Score, read_truth, score


@contextmanager
def demo(settings: Settings, progress: Progress | None = None) -> Iterator[tuple[Incident, Score]]:
    """Attribute the bundled incident and compare with its truth; needs no network."""
    folder = queries.demo_folder()
    question = Question(logs=str(folder / "logs"), timeline=folder / "timeline")
    with investigate(question, settings, progress) as incident:
        yield incident, score(incident.attributions, read_truth(folder / "truth.jsonl"))
