"""Celery finds our tasks here; each lives beside what it runs."""

from django_ciba.due import cleanup_task, deliver_task, rotate_keys_task, run_due_task

__all__ = ["cleanup_task", "deliver_task", "rotate_keys_task", "run_due_task"]
