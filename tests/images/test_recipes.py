"""The lists that agents and images are built of."""

from drydockd.images.recipes import (
    AGENT_MODULES_TRIM,
    AGENT_TRIM,
    IMAGE_PACKAGES,
    KEPT_DOCS,
    MUST_CONTAIN,
    suite_of,
)


def test_an_image_built_here_would_be_let_in_if_it_came_from_elsewhere():
    assert not [names for names in MUST_CONTAIN if not set(names) & set(IMAGE_PACKAGES)]


def test_copyrights_are_kept():
    assert KEPT_DOCS.endswith("copyright")
    assert not [path for path in AGENT_TRIM if path.startswith("usr/share/doc")]


def test_what_is_trimmed_is_below_the_root_and_the_modules():
    assert not [
        path for path in (*AGENT_TRIM, *AGENT_MODULES_TRIM) if path[0] == "/" or ".." in path
    ]


def test_names_of_images_lead_to_suites():
    assert suite_of("debian-12") == "bookworm"
    assert suite_of("debian-99") is None
