"""What a colored film keeps of its source, and what is said of films that cannot be colored."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
import pytest

from colorize.color.units import FloatArray
from colorize.coloring.colorizer import Colorizer
from colorize.coloring.engine import AUTOMATIC, Features, NetworkConditions
from colorize.errors import FilmError
from colorize.options import ColorizeOptions, FilmOptions
from colorize.system import files
from colorize.video import colored_frames, colorize_film, film, segments
from tests.video.films import Gray, gray_of, packets, pan, photo, planes, shot, times, write_film

pytestmark = pytest.mark.film

FFV1 = FilmOptions(codec="ffv1")
SIZE = (96, 72)


class Red:
    """An engine that finds everything red, and where it is light, redder."""

    stride, bins, takes = 8, None, frozenset[str]()

    def __init__(self) -> None:
        self.seen: list[FloatArray] = []

    def predict(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        self.seen.append(l)
        return np.concatenate([0.3 + 0.1 * l, 0.2 + 0 * l], axis=1)

    def predict_distribution(self, l: FloatArray, conditions: NetworkConditions = AUTOMATIC) -> FloatArray:
        raise ValueError

    def predict_features(self, l: FloatArray) -> Features:
        raise ValueError


def color(source: Path, target: Path, options: FilmOptions = FFV1, **more: Any) -> film.FilmResult:
    return colorize_film(source, target, ColorizeOptions(**more), options, colorizer=Colorizer(Red()))


@pytest.fixture(scope="module")
def frames() -> list[Gray]:
    return [gray_of(each) for each in shot(photo("chelsea"), pan(2, 1), 30, SIZE)]


def ten_bit(frames: list[Gray]) -> list[Any]:
    """Of levels 0 to 255 the codes of 10 bit, with something in the lowest two bits."""
    return [64 + each.astype(np.uint16) * 3 + number % 3 for number, each in enumerate(frames)]


@pytest.mark.parametrize(
    ("pix_fmt", "written"),
    [
        ("yuv420p", "yuv420p"),
        ("yuv422p", "yuv422p"),
        ("yuv444p", "yuv444p"),
        ("gray", "yuv420p"),
        ("yuv420p10le", "yuv420p10le"),
        ("gray10le", "yuv420p10le"),
    ],
)
def test_luma_and_timestamps_are_kept_to_the_last_bit(
    pix_fmt: str, written: str, frames: list[Gray], tmp_path: Path
) -> None:
    codes = ten_bit(frames) if "10" in pix_fmt else frames
    when = [40 * number + number % 7 for number in range(len(codes))]
    source = write_film(tmp_path / "film.mkv", codes, pix_fmt=pix_fmt, times=when)
    color(source, tmp_path / "color.mkv")
    assert times(tmp_path / "color.mkv") == [Fraction(each, 1000) for each in when]
    with av.open(str(tmp_path / "color.mkv")) as container:
        assert container.streams.video[0].pix_fmt == written
    neutral = 512 if "10" in pix_fmt else 128
    for original, colored in zip(codes, planes(tmp_path / "color.mkv"), strict=True):
        assert np.array_equal(colored[0], original)
        assert np.median(colored[2]) > neutral * 1.08  # it has become red


def test_odd_sizes_are_colored_to_the_last_column(frames: list[Gray], tmp_path: Path) -> None:
    odd = [each[:71, :95] for each in frames]
    color(write_film(tmp_path / "film.mkv", odd), tmp_path / "color.mkv")
    for original, colored in zip(odd, planes(tmp_path / "color.mkv"), strict=True):
        assert np.array_equal(colored[0], original)
        assert colored[2].shape == (36, 48)
        assert np.median(colored[2][:, -1]) > 138


def test_sound_and_subtitles_are_copied_byte_for_byte(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames, extras=True)
    color(source, tmp_path / "color.mkv")
    original = packets(source)
    assert set(original) == {"audio eng", "audio deu", "subtitle fra"}
    assert packets(tmp_path / "color.mkv") == original


def test_attachments_chapters_and_metadata_are_kept(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames, extras=True)
    result = color(source, tmp_path / "color.mkv")
    assert (result.frames, result.left_out, result.damaged) == (30, (), 0)
    with av.open(str(source)) as before, av.open(str(tmp_path / "color.mkv")) as after:
        assert after.metadata["title"] == before.metadata["title"] == "A film"
        assert after.chapters() == before.chapters()
        assert [chapter["metadata"]["title"] for chapter in after.chapters()] == ["One", "Two"]
        assert [stream.type for stream in after.streams] == [stream.type for stream in before.streams]
        assert after.streams[4].metadata["filename"] == "cover.jpg"
        (letters,) = after.streams.attachments
        assert (letters.metadata["filename"], letters.data) == ("letters.ttf", b"not really letters")


def test_rotation_aspect_and_tags_of_color_are_kept_and_the_network_sees_it_upright(
    frames: list[Gray], tmp_path: Path
) -> None:
    def prepare(stream: Any) -> None:
        stream.set_display_rotation(90)
        context = stream.codec_context
        context.sample_aspect_ratio = Fraction(16, 11)
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 6, 6, 6

    source = write_film(tmp_path / "film.mkv", frames, prepare=prepare, codec="libx264")
    engine = Red()
    result = colorize_film(source, tmp_path / "color.mkv", colorizer=Colorizer(engine))
    assert result.left_out == ()
    for path in (source, tmp_path / "color.mkv"):
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
            assert frame.rotation == 90
            assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 11)
            tags = (frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc)
            assert tags == (1, 6, 6, 6)
    _, _, height, width = engine.seen[0].shape
    assert height > width
    upright = np.rot90(frames[0])  # by 90° against the clock
    seen = engine.seen[0][0, 0, : 4 * (height // 4), : 4 * (width // 4)]
    quarters = [each.mean() for rows in np.array_split(seen, 2) for each in np.array_split(rows, 2, axis=1)]
    expected = [each.mean() for rows in np.array_split(upright, 2) for each in np.array_split(rows, 2, axis=1)]
    assert np.argsort(quarters).tolist() == np.argsort(expected).tolist()


def test_names_that_are_no_utf_8_are_no_reason_to_stop(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames[:3], extras=True)
    damaged = source.read_bytes()
    for text, other in ((b"image/jpeg", b"image/\xffpeg"), (b"cover.jpg", b"c\xffver.jpg"), (b"A film", b"A f\xfflm")):
        assert damaged.count(text) == 1
        damaged = damaged.replace(text, other)
    source.write_bytes(damaged)
    color(source, tmp_path / "color.mkv")
    colored = (tmp_path / "color.mkv").read_bytes()
    assert b"c\xffver.jpg" in colored and b"A f\xfflm" in colored
    assert b"image/?peg" in colored


def test_an_aspect_that_a_codec_does_not_carry_is_told(frames: list[Gray], tmp_path: Path) -> None:
    def prepare(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)

    source = write_film(tmp_path / "film.mkv", frames[:3], prepare=prepare, codec="libx264")
    assert color(source, tmp_path / "color.mkv").left_out == ("the aspect 16:11 of pixels (ffv1 does not carry it)",)


def test_the_text_of_an_mp4_becomes_a_subtitle_of_matroska(frames: list[Gray], tmp_path: Path) -> None:
    with av.open(str(tmp_path / "film.mp4"), "w") as output:
        video: Any = output.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        text: Any = output.add_mux_stream("mov_text")
        text.time_base = Fraction(1, 1000)
        for number, codes in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(codes, "gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        words = "Où?".encode()
        packet: Any = av.Packet(len(words).to_bytes(2, "big") + words)
        packet.stream, packet.pts, packet.dts, packet.duration = text, 200, 200, 300
        packet.time_base = Fraction(1, 1000)
        output.mux(packet)
    color(tmp_path / "film.mp4", tmp_path / "color.mkv")
    with av.open(str(tmp_path / "color.mkv")) as container:
        (packet,) = [each for each in container.demux(container.streams.subtitles[0]) if each.size]
        assert bytes(packet) == words
        assert packet.pts * packet.time_base == Fraction(1, 5)


@pytest.mark.parametrize("codec", ["x264", "av1"])
def test_other_codecs_give_every_frame_at_its_time(codec: str, frames: list[Gray], tmp_path: Path) -> None:
    when = [40 * number + number % 7 for number in range(len(frames))]
    source = write_film(tmp_path / "film.mkv", frames, times=when)
    color(source, tmp_path / "color.mkv", FilmOptions(codec=codec))
    assert times(tmp_path / "color.mkv") == [Fraction(each, 1000) for each in when]
    errors = [
        np.abs(colored[0].astype(int) - original).mean()
        for original, colored in zip(frames, planes(tmp_path / "color.mkv"), strict=True)
    ]
    assert max(errors) < 3


@pytest.mark.parametrize("codec", ["x264", "av1", "ffv1"])
@pytest.mark.parametrize("name", ["film.mkv", "film.mp4"])
def test_a_film_and_each_of_its_frames_last_as_long_as_before(
    name: str, codec: str, frames: list[Gray], tmp_path: Path
) -> None:
    source = write_film(tmp_path / name, frames, codec="libx264")
    color(source, tmp_path / "color.mkv", FilmOptions(codec=codec))
    with av.open(str(tmp_path / "color.mkv")) as film:
        assert film.duration == pytest.approx(len(frames) / 25 * av.time_base, abs=2000)  # microseconds
        lasting = [(packet.duration or 0) * packet.time_base for packet in film.demux(video=0) if packet.size]
    assert lasting == [Fraction(1, 25)] * len(frames)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux how a thread is scheduled")
def test_no_codec_takes_the_machine_for_itself(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames)
    color(source, tmp_path / "color.mkv", FilmOptions(codec="av1"))
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_a_codec_says_what_it_does_not_take(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames, pix_fmt="yuv444p")
    with pytest.raises(FilmError, match=r"film\.mkv: has yuv444p, codec av1 takes 4:2:0 only$"):
        color(source, tmp_path / "color.mkv", FilmOptions(codec="av1"))
    assert [path.name for path in tmp_path.iterdir()] == ["film.mkv"]


def test_odd_sizes_are_for_the_codecs_that_take_them(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", [each[:71, :95] for each in frames[:3]])
    said = r"film\.mkv: has 95×71 px of yuv420p, codec x264 takes no odd side; ffv1 does, and av1 in 4:2:0$"
    with pytest.raises(FilmError, match=said):
        color(source, tmp_path / "color.mkv", FilmOptions(codec="x264"))
    assert [path.name for path in tmp_path.iterdir()] == ["film.mkv"]
    assert color(source, tmp_path / "color.mkv", FilmOptions(codec="av1")).size == (95, 71)


def test_a_film_of_one_frame_is_colored(frames: list[Gray], tmp_path: Path) -> None:
    assert color(write_film(tmp_path / "film.mkv", frames[:1]), tmp_path / "color.mkv").frames == 1
    assert np.array_equal(planes(tmp_path / "color.mkv")[0][0], frames[0])


def test_frames_come_one_by_one_from_python(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames)
    images = [frame.to_ndarray(format="rgb24") for frame in colored_frames(source, colorizer=Colorizer(Red()))]
    assert len(images) == len(frames)
    red, green, _ = np.moveaxis(images[7].astype(int), -1, 0)
    assert (red > green).mean() > 0.9


def test_an_existing_result_is_kept_unless_it_may_be_replaced(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames[:2])
    (tmp_path / "color.mkv").write_bytes(b"precious")
    with pytest.raises(FilmError, match="is there already"):
        color(source, tmp_path / "color.mkv")
    assert (tmp_path / "color.mkv").read_bytes() == b"precious"
    color(source, tmp_path / "color.mkv", overwrite=True)
    assert len(planes(tmp_path / "color.mkv")) == 2


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left on device")])
def test_a_film_that_is_interrupted_leaves_nothing(
    stop: Any, frames: list[Gray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_film(tmp_path / "film.mkv", frames, extras=True)

    def progress(done: int, total: int | None) -> None:
        if done == 9:
            raise stop

    with pytest.raises((KeyboardInterrupt, FilmError)):
        colorize_film(source, tmp_path / "color.mkv", colorizer=Colorizer(Red()), progress=progress)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mkv"]


class _FullDisk:
    """A file that takes so many bytes."""

    def __init__(self, file: BinaryIO, room: int) -> None:
        self._file, self._room = file, room

    def write(self, content: bytes) -> int:
        self._room -= len(content)
        if self._room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._file.write(content)

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


@pytest.mark.parametrize("room", [0, 3000, 30_000])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    room: int, frames: list[Gray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def atomic(target: Path, *, overwrite: bool = True) -> Iterator[_FullDisk]:
        with files.atomic(target, overwrite=overwrite) as file:
            yield _FullDisk(file, room)

    source = write_film(tmp_path / "film.mkv", frames)
    monkeypatch.setattr(segments, "atomic", atomic)
    with pytest.raises(FilmError, match=r"color\.mkv: cannot be written \(No space left on device\)$"):
        color(source, tmp_path / "color.mkv")
    assert list(tmp_path.iterdir()) == [source]


def _sound_only(path: Path) -> None:
    with av.open(str(path), "w") as output:
        sound: Any = output.add_stream("flac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 4096), np.int16), "s16", "stereo")
        frame.rate, frame.pts = 44100, 0
        output.mux(sound.encode(frame))
        output.mux(sound.encode(None))


def _hdr(path: Path) -> None:
    def prepare(stream: Any) -> None:
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace = 9, 16, 9

    write_film(path, [np.full((72, 96), 300, np.uint16)] * 3, pix_fmt="yuv420p10le", prepare=prepare, codec="libx265")


def _interlaced(path: Path) -> None:
    def prepare(stream: Any) -> None:
        stream.options = {"x264-params": "interlaced=1"}

    write_film(path, [np.full((96, 96), 90, np.uint8)] * 9, codec="libx264", prepare=prepare)


def _large(path: Path) -> None:
    write_film(path, [np.full((2160, 3840), 90, np.uint8)], codec="libx264")


def _rgb(path: Path) -> None:
    with av.open(str(path), "w") as output:
        video: Any = output.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 32, 32, "bgr0"
        output.mux(video.encode(av.VideoFrame(32, 32, "bgr0")))
        output.mux(video.encode(None))


def _quick(path: Path, rate: int = 100_000) -> None:
    with av.open(str(path), "w", format="nut") as output:
        video: Any = output.add_stream("ffv1", rate=rate)
        video.width, video.height, video.pix_fmt = 32, 32, "gray"
        for number in range(9):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32), 9 * number, np.uint8), "gray")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))


def _patched(path: Path, codec: str, width: int, height: int) -> None:
    """A film of 640 × 360 px whose header says something else."""
    write_film(path, [np.full((360, 640), 20 * number, np.uint8) for number in range(4)], codec=codec)
    content = path.read_bytes()
    for element, before, now in ((b"\xb0\x82", 640, width), (b"\xba\x82", 360, height)):
        assert content.count(element + before.to_bytes(2, "big")) == 1
        content = content.replace(element + before.to_bytes(2, "big"), element + now.to_bytes(2, "big"))
    path.write_bytes(content)


def _gray_of_other_kinds(pix_fmt: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with av.open(str(path), "w") as output:
            video: Any = output.add_stream("ffv1", rate=25)
            video.width, video.height, video.pix_fmt = 32, 32, pix_fmt
            output.mux(video.encode(av.VideoFrame(32, 32, pix_fmt)))
            output.mux(video.encode(None))

    return make


def _truncated(path: Path) -> None:
    frames = grainless_minutes(120)
    write_film(path, frames)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])


def grainless_minutes(count: int) -> list[Gray]:
    random = np.random.default_rng(2)
    return [random.integers(0, 255, (48, 64)).astype(np.uint8) for _ in range(count)]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_bytes(bytes(range(256)) * 99), "cannot be opened"),
        (_sound_only, "there is no picture in it"),
        (_hdr, r"is HDR \(PQ\)"),
        (_interlaced, "is interlaced"),
        (_large, r"has 3840×2160 px, which take about 1\.2 GB of memory; expected what takes up to 0\.8 GB"),
        (_rgb, "expected pictures with a luma plane"),
        (_truncated, "the file is truncated"),
        (_quick, "100000 frames a second are more than a Matroska film tells apart"),
        (lambda path: _patched(path, "ffv1", 65535, 65535), "no picture of it can be decoded"),
        (lambda path: _patched(path, "ffv1", 0, 0), "no picture of it can be decoded"),
        (_gray_of_other_kinds("gray12le"), "expected pictures with a luma plane, of 8 or 10 bit"),
        (_gray_of_other_kinds("gray16le"), "expected pictures with a luma plane, of 8 or 10 bit"),
        (_gray_of_other_kinds("ya8"), "expected pictures with a luma plane, of 8 or 10 bit"),
    ],
    ids=[
        *("missing", "empty", "noise", "sound", "hdr", "interlaced", "large", "rgb", "truncated"),
        *("100,000 fps", "huge header", "header of no size", "gray12", "gray16", "gray with alpha"),
    ],
)
def test_what_cannot_be_colored_is_one_sentence(make: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    make(tmp_path / "film.mkv")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(FilmError, match=said) as caught:
        color(tmp_path / "film.mkv", tmp_path / "color.mkv")
    assert str(caught.value).startswith(str(tmp_path / "film.mkv"))
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_a_truncated_mp4_is_one_sentence(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mp4", frames, codec="libx264")
    source.write_bytes(source.read_bytes()[:-2000])
    with pytest.raises(FilmError, match=r"film\.mp4: expected a film, cannot be opened"):
        color(source, tmp_path / "color.mkv")


@pytest.mark.parametrize("size", [(7680, 4320), (65535, 65535), (0, 0)], ids=str)
def test_a_header_that_exaggerates_is_not_believed(size: tuple[int, int], tmp_path: Path) -> None:
    _patched(tmp_path / "film.mkv", "libx264", *size)
    assert color(tmp_path / "film.mkv", tmp_path / "color.mkv").size == (640, 360)


def test_a_film_of_no_length_by_its_header_is_colored(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames)
    content = source.read_bytes()
    duration = content.index(b"\x44\x89\x88") + 3  # its element, and that 8 bytes follow
    source.write_bytes(content[:duration] + bytes(8) + content[duration + 8 :])
    assert color(source, tmp_path / "color.mkv").frames == 30


@pytest.mark.parametrize("codec", ["x264", "av1"])
def test_600_frames_a_second_are_colored(codec: str, tmp_path: Path) -> None:
    _quick(tmp_path / "film.mkv", 600)
    assert color(tmp_path / "film.mkv", tmp_path / "color.mkv", FilmOptions(codec=codec)).frames == 9


def test_a_film_may_be_called_like_an_address(
    frames: list[Gray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_film(tmp_path / "x.mkv", frames[:2]).rename(tmp_path / "concat:a|b.mkv")
    assert color(Path("concat:a|b.mkv"), tmp_path / "color.mkv").frames == 2


def test_a_part_of_a_film_begins_at_zero_with_its_sound_and_chapters(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames, extras=True)
    target = tmp_path / "color.mkv"
    assert color(source, target, FilmOptions(codec="ffv1", start=0.4, end=1.0)).frames == 15
    assert times(target) == [Fraction(number, 25) for number in range(15)]
    for original, colored in zip(frames[10:25], planes(target), strict=True):
        assert np.array_equal(colored[0], original)
    before, after = packets(source), packets(target)
    for name in ("audio eng", "audio deu", "subtitle fra"):
        wanted = [(time - Fraction(2, 5), content) for time, content in before[name] if 0.4 <= time < 1]
        assert after[name] == wanted
    with av.open(str(target)) as container:
        chapters = [(chapter["start"], chapter["end"]) for chapter in container.chapters()]
        ticks = container.chapters()[0]["time_base"] or 0
    assert [(start * ticks, end * ticks) for start, end in chapters] == [
        (0, Fraction(1, 10)),
        (Fraction(1, 10), Fraction(3, 5)),
    ]


def test_a_start_behind_the_end_of_a_film_is_one_sentence(frames: list[Gray], tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", frames)
    with pytest.raises(FilmError, match=r"film\.mkv: expected a start within its 1\.2 s, got 5 s$"):
        color(source, tmp_path / "color.mkv", FilmOptions(start=5))


@pytest.mark.parametrize(
    ("cuts", "shots"), [((), 1), ((7, 19), 3), ((0.28, 0.7605), 3), ((7, 0.28), 2), ((0, 500), 1), ((0.0, 99.0), 1)]
)
def test_cuts_that_are_given_are_those_of_the_film(
    cuts: tuple[int | float, ...], shots: int, frames: list[Gray], tmp_path: Path
) -> None:
    source = write_film(tmp_path / "film.mkv", frames)
    engine = Red()
    options = FilmOptions(codec="ffv1", cuts=cuts, every=16)
    result = colorize_film(source, tmp_path / "color.mkv", film_options=options, colorizer=Colorizer(engine))
    assert result.shots == shots
    lengths = {1: [30], 2: [7, 23], 3: [7, 12, 11]}[shots]
    assert len(engine.seen) == sum(-(-length // 16) for length in lengths)


@pytest.mark.parametrize("name", ["hdr", "interlaced", "large"])
def test_what_is_refused_can_be_forced(name: str, tmp_path: Path) -> None:
    source = tmp_path / "film.mkv"
    {"hdr": _hdr, "interlaced": _interlaced, "large": _large}[name](source)
    result = color(source, tmp_path / "color.mkv", FilmOptions(codec="ffv1", force=True))
    fields = ("the order of its fields (they are colored as whole pictures)",)
    assert (result.frames, result.left_out) == {"hdr": (3, ()), "interlaced": (9, fields), "large": (1, ())}[name]
    for original, colored in zip(planes(source), planes(tmp_path / "color.mkv"), strict=True):
        assert np.array_equal(colored[0], original[0])


def test_only_matroska_is_written(frames: list[Gray], tmp_path: Path) -> None:
    with pytest.raises(FilmError, match=r"expected a name that ends in \.mkv"):
        color(write_film(tmp_path / "film.mkv", frames[:2]), tmp_path / "color.mp4")


@pytest.mark.parametrize(
    ("name", "picture", "sound", "is_byte_for_byte"),
    [
        ("film.mp4", "libx264", "aac", True),
        ("film.mov", "libx264", "pcm_s16be", True),
        ("film.avi", "mpeg4", "libmp3lame", True),
        ("film.webm", "libvpx-vp9", "libopus", True),
        ("film.mpg", "mpeg2video", "mp2", True),
        ("film.flv", "libx264", "aac", True),
        ("film.ts", "libx264", "aac", False),  # Matroska holds AAC without the headers of a transport stream
    ],
)
def test_films_of_other_containers_keep_time_and_sound(
    name: str, picture: str, sound: str, is_byte_for_byte: bool, frames: list[Gray], tmp_path: Path
) -> None:
    source, target = tmp_path / name, tmp_path / "color.mkv"
    with av.open(str(source), "w") as output:
        video: Any = output.add_stream(picture, rate=25)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        audio: Any = output.add_stream(sound, rate=48000)
        random = np.random.default_rng(0)
        for number, codes in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(codes, "gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(video.encode(frame))
            samples = random.integers(0, 3000, (1, 2 * 1920)).astype(np.int16)
            noise = av.AudioFrame.from_ndarray(samples, "s16", "stereo")
            noise.rate, noise.pts = 48000, 1920 * number
            output.mux(audio.encode(noise))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))
    assert color(source, target, FilmOptions()).left_out == ()
    (before,), (after,) = packets(source).values(), packets(target).values()
    moved = times(target)[0] - times(source)[0]  # all of it, where sound began before zero
    assert 0 <= moved < Fraction(3, 100)
    for one, other in zip(times(source), times(target), strict=True):
        assert abs(other - one - moved) <= Fraction(1, 1000)
    for (one, content), (other, copy) in zip(before, after, strict=True):
        assert abs(other - one - moved) <= Fraction(1, 1000)
        assert (copy == content) == is_byte_for_byte
        assert content.endswith(copy)


def test_standard_streams_stay_silent(frames: list[Gray], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = write_film(tmp_path / "film.mkv", frames, extras=True)
    capfd.readouterr()
    for codec in ("x264", "av1", "ffv1"):
        color(source, tmp_path / f"{codec}.mkv", FilmOptions(codec=codec))
    assert capfd.readouterr() == ("", "")
