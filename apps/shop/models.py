"""Your models; see docs/guides/add-a-field.md. `python manage.py makemigrations shop` writes their migrations."""
