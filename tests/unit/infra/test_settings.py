"""What a stage's file may say, and how it is refused."""

from pathlib import Path

import pytest

from infra.settings import STAGES, SettingsError, load_settings


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('email_from = "Podium <game@example.com>"', "identity.email_from: "),
        ('email_from = "game@example"', "identity.email_from: "),
        ('email_from = "game@example.com"\nemail_region = "Ireland"', "identity.email_region: "),
        ('email_region = "eu-west-1"', "identity: .*email_region needs email_from"),
    ],
)
def test_sender_that_cannot_be_is_refused_by_its_key(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "mine.toml").write_text(f"[identity]\n{content}\n")
    with pytest.raises(SettingsError, match=rf"mine\.toml: {complaint}"):
        load_settings("mine", tmp_path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('rest = "https://api.example.com"\nweb_socket = "live.example.com"', r"domain\.rest: "),
        ('rest = "api.example.com"\nweb_socket = "api.example.com"', "domain: .*must differ"),
        (
            'rest = "api.example.com"\nweb_socket = "live.example.com"\n[addresses]\nrest = "http://elsewhere"',
            "domain contradicts the addresses",
        ),
        (
            'rest = "api.example.com"\nweb_socket = "live.example.com"',
            "domain.certificate_arn must be of eu-west-1",
        ),
    ],
)
def test_domain_that_cannot_be_is_refused_by_its_key(tmp_path: Path, content: str, complaint: str) -> None:
    certificate = 'certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/1"'
    (tmp_path / "mine.toml").write_text(f'region = "eu-west-1"\n[domain]\n{certificate}\n{content}\n')
    with pytest.raises(SettingsError, match=rf"mine\.toml: .*{complaint}"):
        load_settings("mine", tmp_path)


def test_clients_are_told_of_a_domain_as_soon_as_it_is_announced(tmp_path: Path) -> None:
    prod = (STAGES / "prod.toml").read_text()
    for announced, host in (
        (True, "api.game.example.com"),
        (False, "{api}.execute-api.{region}.amazonaws.com"),
    ):
        content = prod.replace("[domain]\n", f"[domain]\nannounced = {str(announced).lower()}\n")
        (tmp_path / "mine.toml").write_text(content)
        settings = load_settings("mine", tmp_path)
        assert settings.rest_address.startswith(f"https://{host}")
        assert settings.web_socket_address.startswith("wss://live." if announced else "wss://{api}.")
