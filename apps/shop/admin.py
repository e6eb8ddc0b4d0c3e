"""Your pages of the admin; see docs/guides/add-a-field.md."""
