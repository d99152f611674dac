"""What the tests of the operators' commands share."""

from tests.unit.store.conftest import tables

__all__ = ["tables"]
