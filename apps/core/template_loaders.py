from pathlib import Path

from django.template.loaders import app_directories


class AppDirectoriesLoader(app_directories.Loader):
    """Search the templates of all apps, except folders in DIRS.

    A template that extends the one of the same name would otherwise be found twice, and extend itself.
    """

    def get_dirs(self) -> list[str | Path]:
        searched = {Path(folder) for folder in self.engine.dirs}
        return [folder for folder in super().get_dirs() if Path(folder) not in searched]
