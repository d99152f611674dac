"""Players' identities: the user pool, the app client for games, and Google where a stage has it."""

from dataclasses import asdict

from aws_cdk import CfnOutput, Duration, SecretValue, Stack
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from game.environment import SignUpEnvironment, TokensEnvironment
from game.functions import SIGN_UP
from game.groups import GROUPS
from infra.code import CodeOf
from infra.lambdas import PodiumFunction, Storage, removal
from infra.passwords import PASSWORDS
from infra.reasons import excuse
from infra.settings import Google, StageSettings


class IdentityStack(Stack):
    """A user pool: names, passwords, verified addresses, guests, the groups, Google if it is set."""

    def __init__(
        self, scope: Construct, settings: StageSettings, storage: Storage, code: CodeOf, **options: object
    ) -> None:
        super().__init__(scope, f"{settings.prefix}identity", **options)
        self._settings = settings
        self.pool = self._pool()
        self.sign_up = self._sign_up(storage, code)
        for group in GROUPS:
            pool_id = self.pool.user_pool_id
            cognito.CfnUserPoolGroup(self, group.title(), user_pool_id=pool_id, group_name=group)
        google = settings.identity.google
        self.client = self._client(self._google(google) if google else None)
        self.tokens = self._tokens()
        self.hosted_ui_url = self._hosted_ui()
        CfnOutput(self, "UserPoolId", value=self.pool.user_pool_id)
        CfnOutput(self, "UserPoolClientId", value=self.client.user_pool_client_id)
        if self.hosted_ui_url:
            CfnOutput(self, "HostedUiUrl", value=self.hosted_ui_url)

    def _pool(self) -> cognito.UserPool:
        settings = self._settings
        pool = cognito.UserPool(
            self,
            "Players",
            user_pool_name=f"{settings.prefix}players",
            self_sign_up_enabled=True,
            sign_in_aliases=cognito.SignInAliases(username=True, email=True),
            sign_in_case_sensitive=False,
            auto_verify=cognito.AutoVerifiedAttrs(email=True),
            standard_attributes=cognito.StandardAttributes(
                email=cognito.StandardAttribute(required=False, mutable=True)
            ),
            password_policy=cognito.PasswordPolicy(
                **asdict(PASSWORDS), temp_password_validity=Duration.days(3)
            ),
            # The address that players can sign in with stays good until the new one is.
            keep_original=cognito.KeepOriginalAttrs(email=True),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            email=self._email(),
            deletion_protection=settings.retain,
            removal_policy=removal(settings),
        )
        excuse(pool, "AwsSolutions-COG2", "A second factor on every start of a game would end the game.")
        excuse(
            pool,
            "AwsSolutions-COG8",
            "Threat protection is of Cognito's Plus plan, at more than twice the price a player.",
        )
        return pool

    def _tokens(self) -> TokensEnvironment:
        """Return what a function needs to verify the tokens of players of this pool."""
        pool = {"region": self.region, "pool": self.pool.user_pool_id}
        return TokensEnvironment(
            token_issuer="https://cognito-idp.{region}.amazonaws.com/{pool}".format(**pool),
            token_client_id=self.client.user_pool_client_id,
            key_set_url=self._settings.addresses.key_set.format(**pool),
        )

    def _sign_up(self, storage: Storage, code: CodeOf) -> PodiumFunction:
        """Add what Cognito asks before it makes a player; it needs to know nothing of the pool."""
        settings = self._settings
        identity = settings.identity
        environment = SignUpEnvironment(
            table_prefix=settings.prefix,
            guests_per_minute=identity.guests_per_minute if identity.guests else None,
        )
        made = PodiumFunction(self, settings, SIGN_UP, environment, **code(SIGN_UP.name))
        made.grant_storage(storage)
        self.pool.add_trigger(cognito.UserPoolOperation.PRE_SIGN_UP, made.function)
        return made

    def _email(self) -> cognito.UserPoolEmail | None:
        identity = self._settings.identity
        if identity.email_from is None:
            return None
        domain = identity.email_from.partition("@")[2]
        return cognito.UserPoolEmail.with_ses(
            from_email=identity.email_from,
            ses_region=identity.email_region,
            ses_verified_domain=domain if identity.email_identity == "domain" else None,
        )

    def _google(self, google: Google) -> cognito.UserPoolIdentityProviderGoogle:
        return cognito.UserPoolIdentityProviderGoogle(
            self,
            "Google",
            user_pool=self.pool,
            client_id=google.client_id,
            client_secret_value=SecretValue.secrets_manager(google.secret_name),
            scopes=["openid", "email", "profile"],
            attribute_mapping=cognito.AttributeMapping(
                email=cognito.ProviderAttribute.GOOGLE_EMAIL,
                fullname=cognito.ProviderAttribute.GOOGLE_NAME,
            ),
        )

    def _client(self, google: cognito.UserPoolIdentityProviderGoogle | None) -> cognito.UserPoolClient:
        identity = self._settings.identity
        providers = [cognito.UserPoolClientIdentityProvider.COGNITO]
        if google:
            providers.append(cognito.UserPoolClientIdentityProvider.GOOGLE)
        client = self.pool.add_client(
            "Games",
            user_pool_client_name="game",
            # A secret in a game is no secret.
            generate_secret=False,
            auth_flows=cognito.AuthFlow(user_srp=True, user_password=True),
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            # Cognito takes five minutes to a day. Who is shut out is out within the hour, and the renewals of
            # many players stay below its quota on sign-ins, which counts them.
            id_token_validity=Duration.hours(1),
            access_token_validity=Duration.hours(1),
            refresh_token_validity=Duration.days(30),
            supported_identity_providers=providers,
            disable_o_auth=not identity.hosted_ui_prefix,
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(authorization_code_grant=True),
                scopes=[
                    cognito.OAuthScope.OPENID,
                    cognito.OAuthScope.EMAIL,
                    cognito.OAuthScope.PROFILE,
                    # For what players change of their own accounts.
                    cognito.OAuthScope.COGNITO_ADMIN,
                ],
                callback_urls=list(identity.callback_urls),
                logout_urls=list(identity.logout_urls),
            )
            if identity.hosted_ui_prefix
            else None,
        )
        if google:
            client.node.add_dependency(google)
        return client

    def _hosted_ui(self) -> str | None:
        prefix = self._settings.identity.hosted_ui_prefix
        if prefix is None:
            return None
        domain = self.pool.add_domain(
            "HostedUi", cognito_domain=cognito.CognitoDomainOptions(domain_prefix=prefix)
        )
        url: str = domain.base_url()
        return url
