"""Installed distributions: which of them a package needs, and which of their files ever run there."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

NEVER_RUN = frozenset({".c", ".h", ".md", ".pxd", ".pxi", ".pyi", ".pyx", ".rst", ".typed"})
"""Suffixes of files for compilers, type checkers and readers."""

CREDENTIAL_SERVICES = frozenset({"sso", "sso-oidc", "sts"})
"""Services that botocore's credential chain makes clients of."""

_SERVICES = PurePosixPath("botocore/data")
# Of `resource()`, which no source of ours calls: `infra.packaging.sources` refuses one that does.
_UNUSED = (PurePosixPath("boto3/data"), PurePosixPath("boto3/examples"), PurePosixPath("bin"))


class DistributionError(Exception):
    """A library is not among the installed distributions."""


class Distributions:
    """The distributions in a folder (`uv pip install --target`); `environment` is what judges markers."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._installed = {canonicalize_name(one.name): one for one in distributions(path=[str(folder)])}

    def needed(self, libraries: Iterable[str], direct: Iterable[Requirement]) -> set[NormalizedName]:
        """Return the distributions that provide the libraries (top-level modules), and all that those
        require.

        `direct` are the requirements as we state them: they say which extras are wanted. Raises
        DistributionError for a library that none provides.
        """
        wanted = {canonicalize_name(requirement.name): requirement for requirement in direct}
        providers = self._providers()
        pending = []
        for library in libraries:
            if library not in providers:
                raise DistributionError(f"no requirement provides the module {library}")
            name = providers[library]
            pending.append(wanted.get(name, Requirement(name)))
        needed: set[NormalizedName] = set()
        seen: set[tuple[NormalizedName, frozenset[str]]] = set()
        while pending:
            requirement = pending.pop()
            name = canonicalize_name(requirement.name)
            key = name, frozenset(requirement.extras)
            if key not in seen:
                seen.add(key)
                needed.add(name)
                pending += self._requirements(name, requirement.extras)
        return needed

    def files(self, name: NormalizedName, services: Collection[str]) -> Iterator[PurePosixPath]:
        """Return a distribution's files that may run, by their paths in the folder.

        Of botocore's service descriptions, those of the named services and of the credential chain's.
        """
        return (path for path in self.every_file(name) if _may_run(path, services))

    def every_file(self, name: NormalizedName) -> Iterator[PurePosixPath]:
        """Return a distribution's files as installed, but for scripts that lie outside of the folder."""
        paths = (PurePosixPath(file) for file in self._distribution(name).files or ())
        return (path for path in paths if ".." not in path.parts)

    def _requirements(self, name: NormalizedName, extras: Collection[str]) -> Iterator[Requirement]:
        for text in self._distribution(name).requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or any(
                requirement.marker.evaluate({**self._environment, "extra": extra}) for extra in (*extras, "")
            ):
                yield requirement

    def _distribution(self, name: NormalizedName) -> Distribution:
        try:
            return self._installed[name]
        except KeyError:
            raise DistributionError(f"{name} is required, and not installed") from None

    def _providers(self) -> dict[str, NormalizedName]:
        return {
            file.parts[0].partition(".")[0]: name
            for name, distribution in self._installed.items()
            for file in distribution.files or ()
            if file.suffix in {".py", ".so"}
        }


def _may_run(path: PurePosixPath, services: Collection[str]) -> bool:
    if path.parts[0].endswith(".dist-info") or path.suffix in NEVER_RUN or "__pycache__" in path.parts:
        return False
    if any(path.is_relative_to(unused) for unused in _UNUSED):
        return False
    if path.parent.is_relative_to(_SERVICES) and path.parent != _SERVICES:
        service = path.relative_to(_SERVICES).parts[0]
        return service in services or service in CREDENTIAL_SERVICES
    return True
