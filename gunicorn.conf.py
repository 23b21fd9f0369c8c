"""Read by every gunicorn that is started in this folder: logs like the rest of the service."""

from raiox import gunicorn_log, settings

logger_class = gunicorn_log.Logger
logconfig_dict = settings.LOGGING
