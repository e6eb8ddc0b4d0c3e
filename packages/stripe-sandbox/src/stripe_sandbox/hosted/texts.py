"""The texts of the payment page in German and French; in English for all other languages.

Texts about the sandbox itself, such as the list of test cards, are always in English, and so are the other pages.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation.trans_real import parse_accept_lang_header

from ..storage import Obj

LANGUAGES = ("en", "de", "fr")
# English ▶ (German, French)
_TEXTS: Mapping[str, tuple[str, str]] = {
    "Contact information": ("Kontaktdaten", "Coordonnées"),
    "Email": ("E-Mail", "E-mail"),
    "Phone number": ("Telefonnummer", "Numéro de téléphone"),
    "For a business": ("Für Unternehmen", "Pour une entreprise"),
    "Business name (optional)": ("Name des Unternehmens (optional)", "Nom de l'entreprise (facultatif)"),
    "Tax ID (optional)": ("Steuernummer (optional)", "Numéro fiscal (facultatif)"),
    "Additional information": ("Weitere Angaben", "Informations complémentaires"),
    "{label} (optional)": ("{label} (optional)", "{label} (facultatif)"),
    "Select": ("Auswählen", "Sélectionner"),
    "Payment method": ("Zahlungsmethode", "Moyen de paiement"),
    "Pay with card": ("Mit Karte bezahlen", "Payer par carte"),
    "Pay with SEPA Direct Debit": ("Per SEPA-Lastschrift bezahlen", "Payer par prélèvement SEPA"),
    "Card": ("Karte", "Carte"),
    "Card information": ("Kartendaten", "Informations de la carte"),
    "Card number": ("Kartennummer", "Numéro de carte"),
    "Expiration": ("Ablaufdatum", "Expiration"),
    "MM / YY": ("MM / JJ", "MM / AA"),
    "CVC": ("CVC", "CVC"),
    "Saved cards": ("Gespeicherte Karten", "Cartes enregistrées"),
    "Use a different card": ("Andere Karte verwenden", "Utiliser une autre carte"),
    "Save payment details to {name} for future purchases": (
        "Zahlungsdaten bei {name} für künftige Einkäufe speichern",
        "Enregistrer les informations de paiement auprès de {name} pour de futurs achats",
    ),
    "SEPA Direct Debit": ("SEPA-Lastschrift", "Prélèvement SEPA"),
    "Bank account": ("Bankkonto", "Compte bancaire"),
    "IBAN": ("IBAN", "IBAN"),
    "Cardholder name": ("Name des Karteninhabers", "Nom du titulaire de la carte"),
    "Account holder name": ("Name des Kontoinhabers", "Nom du titulaire du compte"),
    "Full name": ("Vollständiger Name", "Nom complet"),
    "Full name on card": ("Vollständiger Name auf der Karte", "Nom complet sur la carte"),
    "Billing address": ("Rechnungsadresse", "Adresse de facturation"),
    "Country or region": ("Land oder Region", "Pays ou région"),
    "Address line 1": ("Adresszeile 1", "Adresse"),
    "Address line 2": ("Adresszeile 2", "Complément d'adresse"),
    "City": ("Stadt", "Ville"),
    "State or province": ("Bundesland oder Provinz", "État ou province"),
    "ZIP": ("PLZ", "Code postal"),
    "Postal code": ("Postleitzahl", "Code postal"),
    "Amount ({currency})": ("Betrag ({currency})", "Montant ({currency})"),
    "I agree to the terms of service of {name}": (
        "Ich stimme den Nutzungsbedingungen von {name} zu",
        "J'accepte les conditions d'utilisation de {name}",
    ),
    "Keep me updated with offers from {name}": (
        "Ich möchte Angebote von {name} erhalten",
        "Je souhaite recevoir les offres de {name}",
    ),
    "By paying you allow {name} to debit this account. Your bank needs some time to confirm the payment.": (
        "Mit der Zahlung erlaubst du {name}, dieses Konto zu belasten. Deine Bank bestätigt die Zahlung etwas später.",
        "En payant, vous autorisez {name} à débiter ce compte. Votre banque confirmera le paiement plus tard.",
    ),
    "By confirming, you allow {name} to charge you for future payments in accordance with its terms. You can cancel at any time.": (  # noqa: E501
        "Mit der Bestätigung erlaubst du {name}, künftige Zahlungen gemäß den Bedingungen abzubuchen. Du kannst"
        " jederzeit kündigen.",
        "En confirmant, vous autorisez {name} à vous débiter de paiements futurs selon ses conditions. Vous pouvez"
        " résilier à tout moment.",
    ),
    "Change amount": ("Betrag ändern", "Modifier le montant"),
    "Order summary": ("Bestellübersicht", "Récapitulatif de la commande"),
    "Back to {name}": ("Zurück zu {name}", "Retour vers {name}"),
    "You pay {amount}.": ("Du zahlst {amount}.", "Vous payez {amount}."),
    "Qty {count}": ("Menge {count}", "Qté {count}"),
    "Quantity of {name}": ("Menge von {name}", "Quantité de {name}"),
    "Update": ("Aktualisieren", "Mettre à jour"),
    "Add to your order": ("Zur Bestellung hinzufügen", "Ajouter à la commande"),
    "Add {name}": ("{name} hinzufügen", "Ajouter {name}"),
    "Remove {name}": ("{name} entfernen", "Retirer {name}"),
    "Add": ("Hinzufügen", "Ajouter"),
    "Remove": ("Entfernen", "Retirer"),
    "Add promotion code": ("Gutscheincode hinzufügen", "Ajouter un code promotionnel"),
    "Apply": ("Anwenden", "Appliquer"),
    "Discount": ("Rabatt", "Réduction"),
    "{percent}% off": ("{percent} % Rabatt", "{percent} % de réduction"),
    "off": ("Rabatt", "réduction"),
    "Subtotal": ("Zwischensumme", "Sous-total"),
    "Tax ({percent}%)": ("Steuer ({percent} %)", "Taxe ({percent} %)"),
    "Tax ({percent}%, included)": ("Steuer ({percent} %, enthalten)", "Taxe ({percent} %, incluse)"),
    "Total due": ("Gesamtbetrag", "Total dû"),
    "Total due today": ("Heute fällig", "Total dû aujourd'hui"),
    "Pay {name}": ("An {name} zahlen", "Payer {name}"),
    "Subscribe to {name}": ("{name} abonnieren", "S'abonner à {name}"),
    "Try {name}": ("{name} testen", "Essayer {name}"),
    "{days} days free": ("{days} Tage kostenlos", "{days} jours gratuits"),
    "today": ("heute", "aujourd'hui"),
    "per {interval}": ("pro {interval}", "par {interval}"),
    "{amount} per {interval}": ("{amount} pro {interval}", "{amount} par {interval}"),
    "{amount} / {interval} after": ("danach {amount} / {interval}", "{amount} / {interval} ensuite"),
    "Then {every} starting {date}": ("Danach {every} ab {date}", "Puis {every} à partir du {date}"),
    "Then {every}, until you cancel": (
        "Danach {every}, bis du kündigst",
        "Puis {every}, jusqu'à résiliation",
    ),
    "Billed monthly": ("Monatliche Abrechnung", "Facturé mensuellement"),
    "Billed yearly": ("Jährliche Abrechnung", "Facturé annuellement"),
    "Billed every {interval}": ("Abrechnung alle {interval}", "Facturé tous les {interval}"),
    "Pay": ("Bezahlen", "Payer"),
    "Pay {amount}": ("{amount} bezahlen", "Payer {amount}"),
    "Book": ("Buchen", "Réserver"),
    "Donate": ("Spenden", "Faire un don"),
    "Complete order": ("Bestellung abschließen", "Finaliser la commande"),
    "Start trial": ("Testphase starten", "Commencer l'essai"),
    "Subscribe": ("Abonnieren", "S'abonner"),
    "Processing…": ("Wird bearbeitet …", "Traitement…"),
    # errors
    "Required": ("Erforderlich", "Obligatoire"),
    "Your email is invalid.": (
        "Deine E-Mail-Adresse ist ungültig.",
        "Votre adresse e-mail n'est pas valide.",
    ),
    "Your phone number is invalid.": ("Deine Telefonnummer ist ungültig.", "Votre numéro n'est pas valide."),
    "Your tax ID is invalid.": ("Deine Steuernummer ist ungültig.", "Votre numéro fiscal n'est pas valide."),
    "Your card number is incomplete.": (
        "Deine Kartennummer ist unvollständig.",
        "Votre numéro de carte est incomplet.",
    ),
    "Your card number is invalid.": (
        "Deine Kartennummer ist ungültig.",
        "Votre numéro de carte n'est pas valide.",
    ),
    "Your card's expiration date is incomplete.": (
        "Das Ablaufdatum deiner Karte ist unvollständig.",
        "La date d'expiration de votre carte est incomplète.",
    ),
    "Your card's expiration date is in the past.": (
        "Das Ablaufdatum deiner Karte liegt in der Vergangenheit.",
        "La date d'expiration de votre carte est passée.",
    ),
    "Your card's expiration year is in the past.": (
        "Das Ablaufjahr deiner Karte liegt in der Vergangenheit.",
        "L'année d'expiration de votre carte est passée.",
    ),
    "Your card's security code is incomplete.": (
        "Die Prüfziffer deiner Karte ist unvollständig.",
        "Le code de sécurité de votre carte est incomplet.",
    ),
    "Your ZIP is invalid.": ("Deine Postleitzahl ist ungültig.", "Votre code postal n'est pas valide."),
    "Your postal code is invalid.": (
        "Deine Postleitzahl ist ungültig.",
        "Votre code postal n'est pas valide.",
    ),
    "The IBAN you entered is invalid.": ("Die IBAN ist ungültig.", "L'IBAN n'est pas valide."),
    "The amount is invalid.": ("Der Betrag ist ungültig.", "Le montant n'est pas valide."),
    "The value is invalid.": ("Der Wert ist ungültig.", "La valeur n'est pas valide."),
    "The quantity is invalid.": ("Die Menge ist ungültig.", "La quantité n'est pas valide."),
    "Your card has been declined.": ("Deine Karte wurde abgelehnt.", "Votre carte a été refusée."),
    "Your card has insufficient funds.": (
        "Deine Karte ist nicht ausreichend gedeckt.",
        "Les fonds de votre carte sont insuffisants.",
    ),
    "Your card has expired.": ("Deine Karte ist abgelaufen.", "Votre carte a expiré."),
    "Your card's security code is incorrect.": (
        "Die Prüfziffer deiner Karte ist falsch.",
        "Le code de sécurité de votre carte est incorrect.",
    ),
    "An error occurred while processing your card. Try again in a little bit.": (
        "Bei der Bearbeitung deiner Karte ist ein Fehler aufgetreten. Versuche es gleich noch einmal.",
        "Une erreur est survenue lors du traitement de votre carte. Réessayez dans un instant.",
    ),
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.": (
        "Wir konnten deine Zahlungsmethode nicht authentifizieren. Bitte wähle eine andere und versuche es erneut.",
        "Nous ne pouvons pas authentifier votre moyen de paiement. Choisissez-en un autre et réessayez.",
    ),
}
_INTERVALS = {
    "en": {},
    "de": {"day": ("Tag", "Tage"), "week": ("Woche", "Wochen"), "month": ("Monat", "Monate"),
           "year": ("Jahr", "Jahre")},
    "fr": {"day": ("jour", "jours"), "week": ("semaine", "semaines"), "month": ("mois", "mois"), "year": ("an", "ans")},
}  # fmt: skip


def choose_language(locale: str | None, accept_language: str) -> str:
    """Return the language of a session's `locale`. "auto" and null mean the browser's language."""
    wanted = [locale] if locale and locale != "auto" else []
    if not wanted:
        wanted = [code for code, _ in parse_accept_lang_header(accept_language.lower())]
    for code in wanted:
        if (language := code.partition("-")[0]) in LANGUAGES:
            return language
    return "en"


def translate(text: str, language: str, **values: Any) -> str:
    """Return the text with its {placeholders} filled in. A text without translation stays English."""
    if language != "en" and text in _TEXTS:
        text = _TEXTS[text][LANGUAGES.index(language) - 1]
    return text.format(**values) if values else text


def format_interval(recurring: Obj, language: str) -> str:
    """Return "month" or "3 months" in the language."""
    name, count = recurring["interval"], recurring["interval_count"]
    singular, plural = _INTERVALS[language].get(name, (name, f"{name}s"))
    return singular if count == 1 else f"{count} {plural}"
