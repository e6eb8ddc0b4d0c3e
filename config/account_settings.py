"""Settings of django.contrib.auth and django-allauth that need no environment variable. settings.py imports them."""

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
ACCOUNT_CHANGE_EMAIL = True  # one e-mail address per user; the old one stays until the new one is verified
ACCOUNT_FORMS = {
    "add_email": "apps.users.address_forms.AddEmailForm",
    "request_login_code": "apps.users.address_forms.RequestLoginCodeForm",
    "reset_password": "apps.users.address_forms.ResetPasswordForm",
    "signup": "apps.users.address_forms.SignupForm",
}
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # this browser stays signed in; all others are signed out
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 15 * 60  # seconds; e-mail may be slow, and three wrong codes end it earlier
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True

# Second factors. A passkey is both steps in one; it is added after signing in.
MFA_ADAPTER = "apps.users.adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"  # finger, face or PIN, at every use
MFA_FORMS = {
    "add_webauthn": "apps.users.passkey_forms.AddPasskeyForm",
    "login_webauthn": "apps.users.passkey_forms.LoginForm",
    "authenticate_webauthn": "apps.users.passkey_forms.AuthenticateForm",
    "reauthenticate_webauthn": "apps.users.passkey_forms.ReauthenticateForm",
}

SOCIALACCOUNT_ADAPTER = "apps.users.social.SocialAccountAdapter"
SOCIALACCOUNT_FORMS = {"signup": "apps.users.address_forms.SocialSignupForm"}
# Only an e-mail address that the provider has verified connects to an existing account (apps/users/address_proof.py).
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
