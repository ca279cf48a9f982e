"""What ExifTool reads of a photo it reads of the result, in every format, but for what is meant to differ."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from colorize import photo
from tests.photo.corpus import in_color

pytestmark = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="no exiftool: apt install libimage-exiftool-perl"
)

TAGS = [
    "-EXIF:Artist=Jürgen Müller",
    "-EXIF:Copyright=© 1951",
    "-EXIF:Make=Leitz",
    "-EXIF:Model=Leica IIIf",
    "-EXIF:DateTimeOriginal=1951:02:03 04:05:06",
    "-EXIF:OffsetTimeOriginal=+01:00",
    "-EXIF:ExposureTime=1/60",
    "-EXIF:FNumber=3.5",
    "-EXIF:ISO=100",
    "-EXIF:UserComment=Größe",
    "-EXIF:LensModel=Elmar 50",
    "-EXIF:InteropIndex=R98",
    "-EXIF:XResolution=300",
    "-EXIF:YResolution=300",
    "-EXIF:ResolutionUnit=inches",
    "-GPSLatitude=48.2",
    "-GPSLatitudeRef=N",
    "-GPSLongitude=16.3",
    "-GPSLongitudeRef=E",
    "-XMP-dc:Title=Grandmother",
    "-XMP-dc:Subject=family",
    "-XMP-dc:Creator=Jürgen Müller",
    "-XMP-xmp:Rating=4",
    "-XMP-photoshop:City=Wien",
]
IPTC = ["-IPTC:Headline=A visit", "-IPTC:City=Wien", "-IPTC:Keywords=family"]
# What the picture and its file are, and what the result has to say of itself.
MEANT = {"ColorSpace", "ImageDescription", "Software", "Orientation", "XMPToolkit", "DigitalSourceType", "JFIFVersion"}
GROUPS = ("IFD0", "ExifIFD", "GPS", "InteropIFD", "XMP", "IPTC", "PNG")
LAYOUT = {"ImageWidth", "ImageHeight", "BitDepth", "BitsPerSample", "Compression", "PhotometricInterpretation"}
LAYOUT |= {"SamplesPerPixel", "RowsPerStrip", "StripOffsets", "StripByteCounts", "PlanarConfiguration", "ColorType"}
LAYOUT |= {"Filter", "Interlace", "ICCProfileName", "FillOrder", "SampleFormat", "Predictor", "SubfileType"}
LAYOUT |= {"YCbCrPositioning", "YCbCrSubSampling"}


def exiftool(*arguments: str | Path) -> str:
    done = subprocess.run(["exiftool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """What is read of each, by group and name."""
    return [
        {
            name: value
            for name, value in tags.items()
            if name.startswith(GROUPS) and name.rpartition(":")[2] not in MEANT | LAYOUT
        }
        for tags in json.loads(exiftool("-json", "-G1", "-a", "-struct", *paths))
    ]


def test_what_exiftool_reads_of_a_photo_it_reads_of_its_result(tmp_path: Path) -> None:
    """All formats in one call: it takes longer to start than to read."""
    sources = [tmp_path / f"a{suffix}" for suffix in (".jpg", ".png", ".tif", ".webp", ".avif")]
    for source in sources:
        Image.new("L", (60, 40), 90).save(source)
    exiftool("-overwrite_original", *TAGS, *sources)
    exiftool("-overwrite_original", *IPTC, *(source for source in sources if source.suffix in (".jpg", ".tif")))
    targets = [tmp_path / f"b{source.suffix}" for source in sources]
    for source, target in zip(sources, targets, strict=True):
        result = in_color(photo.open(source))
        photo.save(result, target)
        assert photo.dropped_metadata(result, target) == ()
    for source, before, after in zip(sources, told(sources), told(targets), strict=True):
        assert len(before) > 20, source.name
        assert {name: after.get(name) for name in before} == before, source.name
    assert exiftool("-validate", "-warning", "-error", "-a", *targets).count("Error") == 0
