from django.contrib import admin
from django.urls import path, register_converter

from apps.ecommerce.admin.exports import exports
from apps.ecommerce.admin.find import find
from apps.ecommerce.catalogue.slugs import SlugConverter
from apps.ecommerce.views import (
    billing_details,
    checkout,
    checkout_return,
    discount_codes,
    files,
    guests,
    lessons,
    licences,
    purchases,
    store,
    subscriptions,
    unsubscribe,
    view_as_buyer,
    webhook,
    withdrawals,
)

register_converter(SlugConverter, "any_slug")

urlpatterns = [
    path("store/", store.store, name="store"),
    path("store/checkout/return/", checkout_return.checkout_return, name="checkout_return"),
    path("store/code/remove/", discount_codes.remove_code, name="remove_code"),
    path("store/<any_slug:slug>/", store.product, name="product"),
    path("store/<any_slug:slug>/buy/", checkout.buy, name="buy"),
    path("store/<any_slug:slug>/samples/<int:file_id>/", files.sample, name="sample"),
    path("store/<any_slug:slug>/lessons/<int:lesson_id>/", lessons.lesson_preview, name="lesson_preview"),
    path(
        "store/<any_slug:slug>/lessons/<int:lesson_id>/video/",
        lessons.lesson_preview_video,
        name="lesson_preview_video",
    ),
    path("purchases/", purchases.purchases, name="purchases"),
    path("purchases/changes/", purchases.purchase_changes, name="purchase_changes"),
    path("purchases/order/<uuid:public_id>/", purchases.purchase, name="purchase"),
    path("purchases/order/<uuid:public_id>/status/", purchases.purchase_status, name="purchase_status"),
    path("purchases/order/<uuid:public_id>/receipts/<slug:payment_id>/", purchases.receipt, name="receipt"),
    path("purchases/order/<uuid:public_id>/manage/", subscriptions.manage, name="purchase_manage"),
    path("purchases/order/<uuid:public_id>/switch/", subscriptions.switch, name="purchase_switch"),
    path("purchases/order/<uuid:public_id>/cancel/", subscriptions.cancel, name="purchase_cancel"),
    path("purchases/find/", guests.find_orders, name="find_orders"),
    path("purchases/claim/", guests.claim, name="claim_orders"),
    path("purchases/download/<str:key>/", files.download_by_link, name="download_link"),
    path("purchases/link/<str:key>/", guests.open_order, name="open_order"),
    path("purchases/order/<uuid:public_id>/address/", guests.correct, name="correct_address"),
    path("purchases/unsubscribe/<str:token>/", unsubscribe.unsubscribe, name="unsubscribe"),
    path("purchases/<any_slug:product_slug>/", purchases.purchased_product, name="purchased_product"),
    path("purchases/<any_slug:product_slug>/download/", files.purchased_download, name="purchased_download"),
    path(
        "purchases/<any_slug:product_slug>/files/<int:file_id>/", files.purchased_file, name="purchased_file"
    ),
    path(
        "purchases/<any_slug:product_slug>/files/<int:file_id>/versions/<int:version_id>/",
        files.purchased_file,
        name="purchased_version",
    ),
    path("purchases/<any_slug:product_slug>/lessons/", lessons.lessons, name="lessons"),
    path("purchases/<any_slug:product_slug>/lessons/<int:lesson_id>/", lessons.lesson, name="lesson"),
    path(
        "purchases/<any_slug:product_slug>/lessons/<int:lesson_id>/done/",
        lessons.lesson_done,
        name="lesson_done",
    ),
    path(
        "purchases/<any_slug:product_slug>/lessons/<int:lesson_id>/video/",
        lessons.owned_lesson_video,
        name="lesson_video",
    ),
    path(
        "purchases/order/<uuid:public_id>/activations/<int:activation_id>/deactivate/",
        licences.deactivate_instance,
        name="licence_deactivate_instance",
    ),
    path("withdraw/", withdrawals.withdraw, name="withdraw"),
    path("withdraw/received/", withdrawals.withdrawal_received, name="withdrawal_received"),
    path("licences/validate/", licences.validate, name="licence_validate"),
    path("licences/activate/", licences.activate, name="licence_activate"),
    path("licences/deactivate/", licences.deactivate, name="licence_deactivate"),
    path("licences/public-key/", licences.public_key, name="licence_public_key"),
    path("accounts/billing-details/", billing_details.billing_details, name="billing_details"),
    path("admin/search/", admin.site.admin_view(find), name="admin_search"),
    path("admin/exports/", admin.site.admin_view(exports), name="admin_exports"),
    path("view-as-buyer/stop/", view_as_buyer.stop, name="stop_view_as_buyer"),
    path("webhooks/stripe/", webhook.stripe_webhook, name="stripe_webhook"),
    path("webhooks/stripe", webhook.stripe_webhook),  # without a redirect, which Stripe does not follow
]
