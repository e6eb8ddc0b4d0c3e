"""The menu in the admin's header: the pages that operators use most."""

from django.utils.translation import gettext_lazy as _

from apps.users.admin_site import MenuItem

SALES, SHOP, RECORDS = _("Sales"), _("Shop"), _("Records")

MENU = [
    MenuItem(SALES, _("Orders"), "admin:ecommerce_purchase_changelist", "ecommerce.view_purchase"),
    MenuItem(SALES, _("Payments"), "admin:ecommerce_payment_changelist", "ecommerce.view_payment"),
    MenuItem(SALES, _("Withdrawals"), "admin:ecommerce_withdrawal_changelist", "ecommerce.view_withdrawal"),
    MenuItem(SALES, _("Exports"), "admin_exports", "ecommerce.export_reports"),
    MenuItem(
        SHOP,
        _("Products"),
        "admin:ecommerce_productconfiguration_changelist",
        "ecommerce.view_productconfiguration",
    ),
    MenuItem(
        SHOP,
        _("Discount codes"),
        "admin:ecommerce_discountcode_changelist",
        "ecommerce.view_discountcode",
    ),
    MenuItem(SHOP, _("Customers"), "admin:users_user_changelist", "users.view_user"),
    MenuItem(RECORDS, _("E-mails"), "admin:ecommerce_mail_changelist", "ecommerce.view_mail"),
    MenuItem(RECORDS, _("Events"), "admin:ecommerce_webhookevent_changelist", "ecommerce.view_webhookevent"),
    MenuItem(
        RECORDS, _("Audit log"), "admin:ecommerce_operatoraction_changelist", "ecommerce.view_operatoraction"
    ),
]
