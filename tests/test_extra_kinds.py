"""Kinds of image that a library reads which not everybody has: as all others, or said how."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from alcore.datasets import dicom, pages
from alcore.datasets.decoding import decode, decode_pixels, is_deep
from alcore.datasets.folders import read_image
from alcore.datasets.ingest import ingest
from alcore.datasets.source_preview import preview_source
from alcore.datasets.sources import open_source
from alcore.errors import UnreadableImage

HEIC = Path(__file__).parent / "pictures" / "colour.heic"
"""64×48: red grows to the right, green downwards, blue the other way; a red square top left."""


def test_a_heic_photograph_is_read_in_its_colours() -> None:
    data = HEIC.read_bytes()
    pixels = np.asarray(decode(data)).astype(int)
    assert pixels.shape == (48, 64, 3)
    assert pixels[8, 8].tolist() == pytest.approx([255, 0, 0], abs=8)
    assert pixels[40, 60].tolist() == pytest.approx([240, 200, 55], abs=12)
    reduced = decode_pixels(data, 16)
    assert (reduced.width, reduced.height, reduced.grey) == (64, 48, False)


def test_a_damaged_heic_photograph_is_refused_and_raises_nothing_else() -> None:
    whole = np.frombuffer(HEIC.read_bytes(), np.uint8)
    rng = np.random.default_rng(0)
    read = 0
    for _ in range(200):
        data = whole.copy()
        data[rng.integers(12, len(data), 3)] = rng.integers(0, 256, 3)
        cut = data[: rng.integers(12, len(data))] if rng.random() < 0.2 else data
        try:
            read += decode(cut.tobytes()).size == (64, 48)
        except UnreadableImage as error:
            assert str(error)
    assert 0 < read < 200
    with pytest.raises(UnreadableImage, match=r"cannot be decoded|truncated"):
        decode(HEIC.read_bytes()[:-60])


def test_photographs_of_telephones_come_in_beside_others(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    (root / "1.heic").write_bytes(HEIC.read_bytes())
    Image.open(HEIC.parent / "colour.png").save(root / "2.avif", quality=90)
    Image.new("RGB", (9, 9), "blue").save(root / "3.png")
    (chunk,) = ingest({"kind": "folder", "path": str(root), "copy": False}, tmp_path / "p", 16)
    assert [new.name for new in chunk.accepted] == ["1.heic", "2.avif", "3.png"]
    assert [(new.width, new.height) for new in chunk.accepted[:2]] == [(64, 48)] * 2


def scan(values: np.ndarray, **elements: object) -> bytes:
    """A DICOM file with values (H, W) of 8 or 16 bits; elements stand for what is usual."""
    made = pydicom.Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    made.Rows, made.Columns = values.shape
    made.SamplesPerPixel = 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 8 * values.itemsize
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(values.dtype.kind == "i")
    made.PixelData = values.tobytes()
    for name, value in elements.items():
        setattr(made, name, value)
    out = io.BytesIO()
    pydicom.dcmwrite(out, made, enforce_file_format=True)
    return out.getvalue()


def test_a_dicom_file_is_read_as_the_values_that_it_means() -> None:
    stored = np.array([[0, 1024, 1064, 1424]], np.int16)
    hounsfield = {"RescaleSlope": 1, "RescaleIntercept": -1024}
    data = scan(stored, **hounsfield, WindowCenter=40, WindowWidth=400)
    assert decode_pixels(data, 1).scale == (-160, 239)  # by the standard's formula
    pixels = np.asarray(decode(data))[0].tolist()
    assert pixels == [0, 102, 128, 255] and is_deep(data)
    assert np.asarray(decode(data, (-1024, 400)))[0].tolist() == [0, 183, 191, 255]
    inverted = scan(stored, **hounsfield, PhotometricInterpretation="MONOCHROME1")
    assert np.asarray(decode(inverted, (-1024, 400)))[0].tolist() == [255, 72, 64, 0]
    padded = scan(np.array([[-2000, 0, 100]], np.int16), PixelPaddingValue=-2000)
    assert decode_pixels(padded, 1).scale == (0, 255)
    plain = scan(np.array([[3, 200]], np.uint8))
    assert np.asarray(decode(plain))[0].tolist() == [3, 200]
    assert decode_pixels(plain, 1).scale is None


@pytest.mark.parametrize(
    ("name", "size", "grey"),
    [
        ("CT_small.dcm", (128, 128), True),
        ("MR_small_RLE.dcm", (64, 64), True),
        ("MR_small_bigendian.dcm", (64, 64), True),
        ("JPEG2000.dcm", (256, 1024), True),
        ("examples_palette.dcm", (800, 350), False),
        ("SC_rgb_jpeg_dcmtk.dcm", (100, 100), False),
        ("examples_ybr_color.dcm", (320, 240), False),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_dicom_files_of_other_makers_are_read(name: str, size: tuple[int, int], grey: bool) -> None:
    image = decode(Path(get_testdata_file(name, download=False)).read_bytes())
    assert image.size == size and (image.mode == "L") == grey
    low, high = image.convert("L").getextrema()
    assert high - low > 100


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("MR_truncated.dcm", "truncated: the file ends before the image does"),
        ("rtplan.dcm", r"a DICOM file without an image \(RTPLAN\)"),
        ("MR_small_jpeg_ls_lossless.dcm", r"packed as JPEG-LS Lossless .*pip install 'pylibjpeg"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_dicom_file_that_cannot_be_read_says_why(name: str, words: str) -> None:
    data = Path(get_testdata_file(name, download=False)).read_bytes()
    with pytest.raises(UnreadableImage, match=words):
        decode(data)


@pytest.mark.filterwarnings("ignore")
def test_a_damaged_dicom_file_is_refused_and_raises_nothing_else() -> None:
    whole = Path(get_testdata_file("MR_small_RLE.dcm", download=False)).read_bytes()
    rng = np.random.default_rng(0)
    read = 0
    for _ in range(300):
        data = bytearray(whole)
        reach = len(data) if rng.random() < 0.3 else 1500
        for at in rng.integers(132, reach, 3):
            data[at] = rng.choice([0, 1, 255, rng.integers(256)])
        cut = bytes(data[: rng.integers(132, len(data))] if rng.random() < 0.2 else data)
        try:
            read += decode_pixels(cut, 8).pixels.shape == (8, 8, 3)
        except UnreadableImage as error:
            assert str(error)
    assert 0 < read < 300
    huge = scan(np.zeros((2, 2), np.uint16), Rows=60_000, Columns=60_000)
    with pytest.raises(UnreadableImage, match="60,000×60,000 pixels, more than"):
        decode(huge)


def film(frames: np.ndarray, **elements: object) -> bytes:
    """A DICOM file with frames (N, H, W), each with a window and a meaning of its own."""
    groups = []
    for number in range(len(frames)):
        meaning, window, group = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        meaning.RescaleIntercept, meaning.RescaleSlope = -100 * number, 1
        window.WindowCenter, window.WindowWidth = 50 * number, 101
        group.PixelValueTransformationSequence = [meaning]
        group.FrameVOILUTSequence = [window]
        groups.append(group)
    usual = {"NumberOfFrames": len(frames), "PixelData": frames.tobytes()}
    usual["PerFrameFunctionalGroupsSequence"] = groups
    return scan(frames[0], **(usual | elements))


def frames_of(data: bytes) -> list[bytes]:
    read = pages.of_bytes(data)
    return [pages.page(read, start, 10**8) for start in pages.starts(read)]


def test_each_frame_of_a_dicom_file_is_an_image_with_its_own_window_and_meaning() -> None:
    values = np.arange(3 * 5 * 7, dtype=np.uint16).reshape(3, 5, 7)
    parts = frames_of(film(values))
    assert len(parts) == 3 and len(set(parts)) == 3
    for number, part in enumerate(parts):
        image = dicom.read(part, lambda width, height: None)
        assert np.array_equal(image.values, values[number] - 100.0 * number)
        assert image.window == (50 * number - 0.5 - 50, 50 * number - 0.5 + 50)
    assert frames_of(film(values)) == parts, "the same file gives the same images"


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("rtdose.dcm", 15),
        ("rtdose_rle.dcm", 15),
        ("rtdose_expb.dcm", 15),
        ("SC_rgb_rle_16bit_2frame.dcm", 2),
        ("examples_ybr_color.dcm", 30),
        ("CT_small.dcm", 1),
        ("MR_truncated.dcm", 1),
        ("rtplan.dcm", 1),
    ],
)
def test_frames_of_other_makers_are_taken_apart(name: str, frames: int) -> None:
    path = Path(get_testdata_file(name, download=False))
    data = path.read_bytes()
    assert len(pages.starts(pages.of_bytes(data))) == frames
    if frames > 1:
        whole = pydicom.dcmread(path).pixel_array
        for number in (1, frames):
            one = pydicom.dcmread(io.BytesIO(pages.page(pages.of_bytes(data), number, 10**8)))
            assert np.array_equal(one.pixel_array, whole[number - 1])


def test_frames_of_a_bit_a_pixel_may_begin_within_a_byte() -> None:
    bits = np.random.default_rng(0).integers(0, 2, (3, 3, 5), np.uint8)
    packed = np.packbits(bits, bitorder="little").tobytes()
    about = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "PixelData": packed}
    for part, frame in zip(frames_of(film(bits, **about)), bits, strict=True):
        assert np.array_equal(pydicom.dcmread(io.BytesIO(part)).pixel_array, frame)


def test_a_damaged_file_of_frames_says_so_and_keeps_those_that_are_whole() -> None:
    data = film(np.zeros((3, 40, 40), np.uint16))
    cut = pages.of_bytes(data[:-3300])
    assert len(pages.starts(cut)) == 3 and pages.page(cut, 1, 10**8)
    with pytest.raises(UnreadableImage, match="truncated: the file ends before the frame does"):
        pages.page(cut, 3, 10**8)
    with pytest.raises(UnreadableImage, match="a frame of more than the 0 MB allowed"):
        pages.page(cut, 1, 100)
    many = scan(np.zeros((2, 2), np.uint8), NumberOfFrames=10_001)
    with pytest.raises(UnreadableImage, match="10,001 frames, more than the 10,000"):
        pages.starts(pages.of_bytes(many))
    for end in range(100, len(data), 97):
        read = pages.of_bytes(data[:end])
        try:
            pages.page(read, max(pages.starts(read), default=1), 10**8)
        except UnreadableImage:
            continue


def test_frames_come_in_from_folder_and_zip_under_names_that_lead_back(tmp_path: Path) -> None:
    root = tmp_path / "in"
    (root / "owl").mkdir(parents=True)
    values = np.arange(3 * 6 * 6, dtype=np.uint16).reshape(3, 6, 6)
    for more, name in enumerate(("1.2.840.7", "owl/a.dcm")):
        (root / name).write_bytes(film(values + more))
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(root / "owl/a.dcm", "owl/a.dcm")
    spec = {"kind": "folder", "path": str(root), "copy": False}
    (chunk,) = ingest(spec, tmp_path / "p", 16)
    names = [f"{name}#page={n}" for name in ("1.2.840.7", "owl/a.dcm") for n in (1, 2, 3)]
    assert sorted(new.name for new in chunk.accepted) == names
    for name in names:
        assert read_image(root, name) in frames_of((root / name.partition("#")[0]).read_bytes())
    zipped = open_source({"kind": "archive", "path": str(tmp_path / "in.zip")})
    assert [zipped.read(e) for e in zipped.entries()] == frames_of(
        (root / "owl/a.dcm").read_bytes()
    )


def test_dicom_files_come_in_with_their_window_whatever_they_are_called(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    for number, name in enumerate(("IM00001", "1.2.840.7", "a.dcm")):
        values = np.full((6, 6), 1000 + 10 * number, np.int16)
        data = scan(values, RescaleIntercept=-1024, RescaleSlope=1, WindowCenter=0, WindowWidth=101)
        (root / name).write_bytes(data)
    (root / "README").write_text("not an image")
    look = preview_source({"kind": "folder", "path": str(root)})
    assert look.summary.total == 3
    assert any("values from -50.5 to 49.5" in note for note in look.summary.notes)


@pytest.mark.parametrize(
    ("module", "extra", "data"),
    [
        ("pi_heif", "heif", HEIC.read_bytes()),
        ("pydicom", "scientific", b"\0" * 128 + b"DICM" + b"\0" * 20),
    ],
)
def test_what_lacks_its_library_is_told_which_command_adds_it(
    module: str, extra: str, data: bytes
) -> None:
    code = (
        "import sys\n"
        f"sys.modules[{module!r}] = None\n"
        "from alcore.datasets.decoding import decode\n"
        "from alcore.errors import UnreadableImage\n"
        "try:\n"
        "    decode(sys.stdin.buffer.read())\n"
        "except UnreadableImage as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert (
        done.stdout.decode()
        .strip()
        .endswith(f", for which a library is missing; add it with: pip install 'alcore[{extra}]'")
    )


def test_a_preview_says_what_cannot_be_read_before_anything_is_imported(tmp_path: Path) -> None:
    for number in range(3):
        Image.new("RGB", (9, 9), (number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "page.jpg").write_bytes(b"<!doctype html><title>Sign in</title>")
    notes = preview_source({"kind": "folder", "path": str(tmp_path)}).summary.notes
    assert any(
        note.startswith("1 of 4 files that were looked at cannot be read, such as page.jpg: a web")
        for note in notes
    )
