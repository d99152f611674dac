"""Which kind of picture a file is, by its first bytes."""

from cv.errors import PictureError

MAGIC_JPEG = b"\xff\xd8\xff"
MAGIC_PNG = b"\x89PNG\r\n\x1a\n"
_STARTS = {
    MAGIC_JPEG: "JPEG",
    MAGIC_PNG: "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
# Brands of ISO/IEC 23008-12, for single pictures and for sequences. Of a sequence the cover is taken.
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_OTHER_PICTURES = (
    *(b"\0\0\1\0", b"<svg", b"8BPS", b"\0\0\0\x0cjP", b"II+\0", b"MM\0+"),
    *(b"\0\0\0\x0cJXL", b"\xff\x0a", b"qoif", b"\x76\x2f\x31\x01"),
)
_SNIFFED_BYTES = 1024


def kind_of(picture: bytes) -> str:
    """Return the kind by Pillow's name: JPEG, PNG, WEBP, HEIF, AVIF, GIF, BMP or TIFF.

    Raises PictureError: `unsupported_type` for other kinds of pictures, `not_an_image` for all else.
    """
    for magic, kind in _STARTS.items():
        if picture.startswith(magic):
            return kind
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "WEBP"
    if picture[4:8] == b"ftyp":
        return _box_kind(picture)
    start = picture[:_SNIFFED_BYTES].lstrip()
    if start.startswith(_OTHER_PICTURES) or (start.startswith(b"<?xml") and b"<svg" in start):
        raise PictureError("unsupported_type")
    raise PictureError("not_an_image")


def _box_kind(picture: bytes) -> str:
    """Return the kind by all brands: the first may be `mif1`, and only a later one say that it is AVIF."""
    brands = picture[8 : min(int.from_bytes(picture[:4]), _SNIFFED_BYTES)]
    named = [brands[:4], *(brands[at : at + 4] for at in range(8, len(brands), 4))]
    if not {*named} & (_AVIF_BRANDS | _HEIF_BRANDS):
        raise PictureError("not_an_image")
    return "AVIF" if {*named} & _AVIF_BRANDS else "HEIF"
