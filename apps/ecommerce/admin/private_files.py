from django.contrib.admin.widgets import AdminFileWidget


class PrivateFileInput(AdminFileWidget):
    """Show the file's name without a link, because private files have no URL."""

    template_name = "ecommerce/admin/private_file_input.html"

    def is_initial(self, value: object) -> bool:
        return bool(value)
