"""An incident becomes an assessment: the one loop, the transcript, the claims."""
