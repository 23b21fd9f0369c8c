"""What goes wrong with backups; the message is for whoever runs the command."""


class BackupError(Exception):
    """It was not done; the message says why and what helps."""


class StorageError(BackupError):
    """Object storage refused, or could not be reached."""


class DamagedError(BackupError):
    """What lies in storage is not what was put there."""


class NotEmptyError(BackupError):
    """A restore would replace a database that holds something."""
