"""What a stage's file may say, and how it is refused."""

from pathlib import Path

import pytest

from infra.settings import STAGES, SettingsError, StageSettings, load_settings, main


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('email_from = "Podium <game@example.com>"', "identity.email_from: "),
        ('email_from = "game@example"', "identity.email_from: "),
        ('email_from = "game@example.com"\nemail_region = "Ireland"', "identity.email_region: "),
        ('email_region = "eu-west-1"', "identity: .*email_region needs email_from"),
    ],
)
def test_malformed_sender_is_refused_by_its_key(tmp_path: Path, content: str, complaint: str) -> None:
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
def test_malformed_domain_is_refused_by_its_key(tmp_path: Path, content: str, complaint: str) -> None:
    certificate = 'certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/1"'
    (tmp_path / "mine.toml").write_text(f'region = "eu-west-1"\n[domain]\n{certificate}\n{content}\n')
    with pytest.raises(SettingsError, match=rf"mine\.toml: .*{complaint}"):
        load_settings("mine", tmp_path)


@pytest.mark.parametrize(
    ("content", "allowed"),
    [
        ("api = 900", True),
        ("api = 900\nroutes = 1", False),
        ("routes = 101\naccount = 200", False),
        ("routes = 1\naccount = 10", False),
        ("account = 10", True),
        ("api = 2900\naccount = 3000", True),
    ],
)
def test_reservations_leave_the_hundred_that_lambda_keeps(
    tmp_path: Path, content: str, allowed: bool
) -> None:
    (tmp_path / "mine.toml").write_text(f"[concurrency]\n{content}\n")
    if allowed:
        assert load_settings("mine", tmp_path).concurrency.account in (10, 1000, 3000)
        return
    with pytest.raises(SettingsError, match=r"mine\.toml: concurrency: .*Lambda keeps 100"):
        load_settings("mine", tmp_path)


def test_stage_in_earnest_keeps_executions_for_live_connections_and_bounds_the_rest() -> None:
    assert {"api", "routes", "authorizer"} <= load_settings("prod").concurrency.reserved.keys()
    assert load_settings("dev").concurrency.reserved == {}, "a new account has 10, and 100 must be left"


def test_client_config_names_a_domain_once_it_is_announced(tmp_path: Path) -> None:
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


def load(tmp_path: Path, content: str) -> StageSettings:
    (tmp_path / "mine.toml").write_text(content)
    return load_settings("mine", tmp_path)


@pytest.mark.parametrize(
    ("content", "requests", "pushes"),
    [
        ("", 10_000, 8_000),
        ('region = "eu-west-1"', 10_000, 8_000),
        ('region = "eu-central-2"', 2_500, 2_000),
        ('region = "eu-central-2"\naccount_rate = 20_000', 20_000, 16_000),
        ("account_rate = 100_000\n[live]\npush_rate = 90_000", 100_000, 90_000),
    ],
)
def test_rates_are_the_region_s_unless_the_stage_says_otherwise(
    tmp_path: Path, content: str, requests: float, pushes: float
) -> None:
    settings = load(tmp_path, content)
    assert (settings.requests, settings.push_rate) == (requests, pushes)


@pytest.mark.parametrize(
    ("content", "most"),
    [
        ("[live]\npush_rate = 10_001", "9000"),
        ("[live]\npush_rate = 9_001", "9000"),
        ('region = "il-central-1"\n[live]\npush_rate = 8_000', "2250"),
        ("account_rate = 5_000\n[live]\npush_rate = 5_000", "4500"),
    ],
)
def test_push_rate_that_leaves_players_nothing_is_refused_by_its_name(
    tmp_path: Path, content: str, most: str
) -> None:
    with pytest.raises(SettingsError, match=rf"live\.push_rate must be at most {most}: .*\(account_rate\)"):
        load(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[warm_throughput.Score]\nwrites = 8_000", "warm_throughput: there is no table 'Score'"),
        ("[warm_throughput.Scores]\nwrites = 100", r"warm_throughput\.Scores\.writes: .*4000"),
        ("sign_up_limit = 20", "sign_up_limit: .*300"),
        (
            '[pipeline]\nconnection_arn = "arn:aws:codeconnections:x"\nrepository = "a/b"\n'
            'base_image = "python"',
            r"pipeline\.base_image: ",
        ),
    ],
)
def test_setting_that_aws_would_refuse_is_refused_by_its_name(
    tmp_path: Path, content: str, complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        load(tmp_path, content)


def test_tables_of_a_stage_are_told_as_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    main("prod")
    assert capsys.readouterr().out == "--region us-east-1 podium-prod-\n"
    with pytest.raises(SystemExit, match="There is no stage 'prd'"):
        main("prd")
