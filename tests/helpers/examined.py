"""Files judged in this very process, for what needs no worker."""

from tasks.ingest.examine import Job, Verdict, examine, fetch
from tasks.ingest.look import look
from tasks.video.isolation import Outcome


def examine_here(job: Job) -> Verdict:
    return examine(
        job, look=lambda task: Outcome(result=look(task)), fetch=lambda wanted: Outcome(result=fetch(wanted))
    )
