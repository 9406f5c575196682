"""Celery finds our tasks here; each lives beside what it runs."""

from django_ciba.due import advance_task, cleanup_task, deliver_task, run_due_task

__all__ = ["advance_task", "cleanup_task", "deliver_task", "run_due_task"]
