from django.apps import AppConfig
from django.db.models.signals import post_delete, post_migrate, post_save, pre_delete


class EcommerceConfig(AppConfig):
    name = "apps.ecommerce"
    verbose_name = "Store"

    def ready(self) -> None:
        from allauth.account.signals import email_confirmed, user_signed_up

        from apps.core import page_cache, readiness
        from apps.ecommerce import checks  # noqa: F401
        from apps.ecommerce.admin.menu import MENU
        from apps.ecommerce.back_office.figures.dashboard import dashboard_context
        from apps.ecommerce.back_office.roles import create_groups
        from apps.ecommerce.catalogue.search_columns import refresh_after_save
        from apps.ecommerce.content import file_updates, goods_in_emails  # noqa: F401  (they add to the e-mails)
        from apps.ecommerce.content.files import delete_upload, keep_plan, record_change
        from apps.ecommerce.content.progress import export_progress
        from apps.ecommerce.models import (
            Category,
            FaqEntry,
            FileVersion,
            Lesson,
            Price,
            Product,
            ProductConfiguration,
            ProductFile,
            Section,
            Tag,
        )
        from apps.ecommerce.operations import dispute_alerts, founder_emails
        from apps.ecommerce.operations.reconcile_schedule import schedule_details
        from apps.ecommerce.operations.sales_problems import sales_details
        from apps.ecommerce.operations.setup_steps import find_setup_steps
        from apps.ecommerce.operations.webhook_health import webhook_details
        from apps.ecommerce.purchases import personal_data as store_data
        from apps.ecommerce.purchases.customers import queue_email_update
        from apps.ecommerce.purchases.external_sales import queue_adoption
        from apps.ecommerce.purchases.guest_orders import claim_after_signup, claim_confirmed
        from apps.ecommerce.purchases.manual_access import queue_claim, queue_claim_after_signup
        from apps.ecommerce.storefront.pending_checkout import pending_path
        from apps.users import admin_site, personal_data, sign_in
        from apps.users.models import User

        for model in (Product, Price, ProductConfiguration):
            post_save.connect(refresh_after_save, sender=model)
        for content in (ProductFile, FileVersion):
            post_save.connect(record_change, sender=content)
            post_delete.connect(record_change, sender=content)
        post_delete.connect(delete_upload, sender=FileVersion)
        post_migrate.connect(create_groups, sender=self)
        dispute_alerts.connect()
        founder_emails.connect()
        pre_delete.connect(keep_plan, sender=Lesson)
        post_save.connect(queue_email_update, sender=User)
        sign_in.destinations.append(pending_path)
        email_confirmed.connect(queue_adoption)
        email_confirmed.connect(queue_claim)
        user_signed_up.connect(queue_claim_after_signup)
        email_confirmed.connect(claim_confirmed)
        user_signed_up.connect(claim_after_signup)
        page_cache.invalidate_on(Product, Price, ProductConfiguration, Category, Tag, FaqEntry)
        page_cache.invalidate_on(ProductFile, FileVersion, Section, Lesson)
        readiness.register_details("webhooks", webhook_details)
        readiness.register_details("sales", sales_details)
        readiness.register_details("reconcile", schedule_details)
        personal_data.sections["purchases"] = store_data.export_purchases
        personal_data.sections["billing_details"] = store_data.export_billing_details
        personal_data.sections["lessons"] = export_progress
        # Tests call ready() more than once.
        if dashboard_context not in admin_site.index_context:
            admin_site.index_context.append(dashboard_context)
            admin_site.setup_steps.append(find_setup_steps)
            admin_site.menu.extend(MENU)
        if store_data.deletion_blocker not in personal_data.deletion_checks:
            personal_data.deletion_checks.append(store_data.deletion_blocker)
            personal_data.kept_descriptions.append(store_data.describe_kept_purchases)
            personal_data.deletion_preparations.append(store_data.finish_checkouts)
            personal_data.deletion_preparations.append(store_data.remove_saved_cards)
            personal_data.locked_deletion_checks.append(store_data.refuse_open_checkouts)
