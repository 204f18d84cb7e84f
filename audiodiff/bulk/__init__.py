"""Many files: what is to be vocoded, what is done already, and the work shared among devices and machines."""

from audiodiff.bulk.jobs import Job, find_jobs
from audiodiff.bulk.marks import is_done, mark_of, model_mark

__all__ = ["Job", "find_jobs", "is_done", "mark_of", "model_mark"]
