import pytest

from drydockd.design.adopt.platform import platform_of
from drydockd.site import Catalogue


@pytest.mark.parametrize(
    ("images", "section"),
    [
        ({"debian-12": ("6.1",)}, {"image": "debian-12", "kernel": "6.1"}),
        ({"debian-12": ("6.1", "ga-*")}, {"image": "debian-12", "kernel": "6.1"}),
        ({"debian-12": ()}, {"image": "debian-12"}),
        ({"debian-12": ("a", "b")}, {"image": "debian-12"}),
        ({"debian-12": (), "debian-13": ()}, {}),
        ({}, {}),
    ],
)  # fmt: skip
def test_the_one_image_there_is_is_taken_and_its_one_kernel(images, section):
    assert platform_of(Catalogue(images))[0] == section


def test_otherwise_there_is_a_line_to_fill_in_and_the_images_there_are():
    _, notes = platform_of(Catalogue({"debian-13": (), "debian-12": ()}))
    assert "Images: debian-12, debian-13." in notes[0]
    assert notes[1] == "platform: {image: FILL-IN, kernel: FILL-IN}"
    assert platform_of(None)[1][1] == notes[1]


def test_several_kernels_of_one_image_are_named():
    assert platform_of(Catalogue({"debian-12": ("a", "b")}))[1] == (
        "Without platform.kernel it is the image's own choice. It has a, b.",
    )
