"""Settings of django.contrib.auth and django-allauth that do not depend on environment variables."""

AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "apps.users.hashers.SmallArgon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "purchases"
LOGOUT_REDIRECT_URL = "home"

ACCOUNT_ADAPTER = "apps.users.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_CHANGE_EMAIL = True  # one address per user: the old one until the new one is verified
ACCOUNT_FORMS = {
    "add_email": "apps.users.forms.AddEmailForm",
    "login": "apps.users.forms.LoginForm",
    "request_login_code": "apps.users.forms.RequestLoginCodeForm",
    "reset_password": "apps.users.forms.ResetPasswordForm",
    "signup": "apps.users.forms.SignupForm",
}
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # in this browser; all other sessions end
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 15 * 60  # seconds; three wrong codes end it earlier
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True

# Second factors. A passkey is enough to sign in: it replaces the password, too.
MFA_ADAPTER = "apps.users.mfa.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"  # fingerprint, face or PIN each time
MFA_FORMS = {
    "add_webauthn": "apps.users.passkeys.AddPasskeyForm",
    "login_webauthn": "apps.users.passkeys.LoginForm",
    "authenticate_webauthn": "apps.users.passkeys.AuthenticateForm",
    "reauthenticate_webauthn": "apps.users.passkeys.ReauthenticateForm",
}

SOCIALACCOUNT_ADAPTER = "apps.users.social.SocialAccountAdapter"
SOCIALACCOUNT_FORMS = {"signup": "apps.users.forms.SocialSignupForm"}
# A provider's verified address signs in to the account with this address (apps/users/email_verification.py).
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
