"""Addresses below /accounts/ of signing in. allauth asks for its own names; the paths are ours."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from chatops.accounts import single, steps, views

urlpatterns = [
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-in/", views.SignIn.as_view(), name="account_login"),
    path("sign-in/passkey/", steps.PasskeySignIn.as_view(), name="mfa_login_webauthn"),
    path("sign-in/second-step/", steps.SecondStep.as_view(), name="mfa_authenticate"),
    path("sign-in/closed/", views.closed, name="account_signup"),
    path("sign-in/closed/", views.closed, name="socialaccount_signup"),
    path("sign-in/<str:provider_id>/", single.away, name="openid_connect_login"),
    path("sign-in/<str:provider_id>/back/", single.back, name="openid_connect_callback"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("link/<str:token>/", views.Link.as_view(), name="link"),
    path("language/", views.language, name="language"),
    path("again/", steps.PasswordAgain.as_view(), name="account_reauthenticate"),
    path("again/code/", steps.CodeAgain.as_view(), name="mfa_reauthenticate"),
    path("again/passkey/", steps.PasskeyAgain.as_view(), name="mfa_reauthenticate_webauthn"),
    path("code-app/", steps.CodeApp.as_view(), name="mfa_activate_totp"),
    path("code-app/remove/", steps.NoCodeApp.as_view(), name="mfa_deactivate_totp"),
    path("codes/", steps.Codes.as_view(), name="mfa_view_recovery_codes"),
    path("codes/new/", steps.NewCodes.as_view(), name="mfa_generate_recovery_codes"),
    path("passkeys/add/", steps.AddPasskey.as_view(), name="mfa_add_webauthn"),
    path("passkeys/<int:pk>/remove/", steps.NoPasskey.as_view(), name="mfa_remove_webauthn"),
]
