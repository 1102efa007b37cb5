"""Files judged in this very process, for what needs no worker."""

from tasks.ingest.quality import examine_file
from tasks.ingest.verdicts import Source, Verdict, fetch_source, judge
from tasks.video.isolation import Outcome


def judge_here(source: Source) -> Verdict:
    return judge(
        source,
        examine=lambda job: Outcome(result=examine_file(job)),
        fetch=lambda remote: Outcome(result=fetch_source(remote)),
    )
