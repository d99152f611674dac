"""What a module needs, as its sources say."""

import gc
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from game.functions import PACKAGES
from infra.packaging.bundle import CHECKOUT
from infra.packaging.sources import Needs, SourceError, needs_of


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout with two packages: `shop`, whose `app` imports from `goods`, and `goods`."""
    for file, source in {
        "shop/__init__.py": "",
        "shop/app.py": "import json, aioboto3\nfrom goods import apples\nfrom goods.pears import Pear\n",
        "shop/unused.py": "import requests\n",
        "goods/__init__.py": "",
        "goods/apples.py": "",
        "goods/pears.py": "",
        "goods/plums.py": "",
        "goods/prices.toml": "",
        "goods/.notes": "",
    }.items():
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
    return tmp_path


@pytest.fixture
def garbage_collections_let_others_run() -> Iterator[None]:
    """Whenever the garbage collector runs, another thread goes on, as under load it now and then does."""

    def let_run(_: str, __: object) -> None:
        time.sleep(0.0001)

    gc.callbacks.append(let_run)
    yield
    gc.callbacks.remove(let_run)


def with_app(checkout: Path, source: str) -> Needs:
    (checkout / "shop" / "app.py").write_text(source)
    return needs_of(checkout, "shop.app")


def test_imported_modules_come_with_their_packages_and_data(checkout: Path) -> None:
    needs = needs_of(checkout, "shop.app")
    assert sorted(map(str, needs.files)) == [
        "goods/__init__.py",
        "goods/apples.py",
        "goods/pears.py",
        "goods/prices.toml",
        "shop/__init__.py",
        "shop/app.py",
    ]
    assert needs.libraries == {"aioboto3"}


def test_imports_inside_functions_count(checkout: Path) -> None:
    needs = with_app(checkout, "def late():\n    import goods.plums, yarl.x\n")
    assert Path("goods/plums.py") in needs.files
    assert needs.libraries == {"yarl"}


@pytest.mark.parametrize("condition", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_imports_for_type_checkers_do_not(checkout: Path, condition: str) -> None:
    needs = with_app(checkout, f"if {condition}:\n    import mypy_boto3\nelse:\n    import goods.plums\n")
    assert needs.libraries == set()
    assert Path("goods/plums.py") in needs.files


def test_modules_that_import_each_other_are_read_once(checkout: Path) -> None:
    (checkout / "goods" / "plums.py").write_text("import shop.app")
    assert Path("goods/plums.py") in with_app(checkout, "import goods.plums").files


def test_clients_name_their_services(checkout: Path) -> None:
    needs = with_app(
        checkout, 'session.client("s3", config=x)\nsession.create_client("sqs")\nx.client.get_item()\n'
    )
    assert needs.services == {"s3", "sqs"}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("session.client(name)", "must be a string literal"),
        ('session.client(service_name="s3")', "must be a string literal"),
        ('boto3.resource("s3")', "hides what it needs"),
        ('importlib.import_module("x")', "hides what it needs"),
        ("from . import other", "a relative import"),
    ],
)
def test_client_whose_service_is_no_literal_is_refused(checkout: Path, source: str, says: str) -> None:
    with pytest.raises(SourceError, match=f"shop/app.py:2: .*{says}"):
        with_app(checkout, f"\n{source}\n")


def test_unknown_module_is_refused(checkout: Path) -> None:
    with pytest.raises(SourceError, match=r"shop\.pap"):
        needs_of(checkout, "shop.pap")


@pytest.mark.usefixtures("garbage_collections_let_others_run")
def test_threads_may_read_sources_at_once() -> None:
    modules = [package.module for package in PACKAGES]
    with ThreadPoolExecutor(len(modules)) as pool:
        needs = list(pool.map(lambda module: needs_of(CHECKOUT, module), modules))
    assert needs == [needs_of(CHECKOUT, module) for module in modules]
