"""How static files are served outside development."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Names in JavaScript modules' imports are versioned too.

    Else a module that one page asks for and another module imports would be loaded twice, under
    two names, and each would have a state of its own.
    """

    support_js_module_import_aggregation = True
