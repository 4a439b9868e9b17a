"""What is measured on an accelerator, as far as a processor can tell."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import on_device
from benchmarks.harness import RESULTS

SPREAD = {"median": 1.1, "min": 1.0, "max": 1.2}
FOUND = {
    "environment": {
        "processor": "P",
        "cores": 2,
        "system": "Linux",
        "versions": {"keras": "3"},
        "accelerators": ["A"],
        "tf32": True,
    },
    "model": "resnet50, 224 px",
    "cases": [
        {
            "batch": 8,
            "images_per_second": dict.fromkeys(("F", "F+B", on_device.BARE, on_device.OURS, on_device.XLA), 123.4),
            "ratios": {on_device.OURS: SPREAD, on_device.XLA: SPREAD},
        }
    ],
    "ssim": [
        {"name": "NISSIM", "detail": "8 pairs", "ratios": [{"wall": SPREAD}], "error": 2e-6, "relative_error": 0.01}
    ],
    "transfers": 21,
    "stopped": "16 images: more than the memory of the device",
}


def test_what_was_measured_as_a_page():
    text = on_device.render(FOUND)
    assert "A with TF32 on" in text
    assert "| resnet50, 224 px, 8 images | 123 | 123 | 123 | 123 | 123 | 1.10 (1.00 to 1.20) |" in text
    assert "| NISSIM; 8 pairs | 1.10 (1.00 to 1.20) | 2.0e-06 | 1 % |" in text
    assert "Not measured: 16 images" in text


def test_the_documentation_has_its_place_and_says_so_while_nothing_was_measured():
    (place,) = on_device.PLACE.finditer(on_device.PAGE.read_text("utf-8"))
    assert ("Unmeasured on a GPU." in place[0]) is not (RESULTS / f"{on_device.NAME}.json").exists()


def test_what_was_measured_takes_its_place(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- on a device -->\nUnmeasured.\n<!-- end of a device -->\nafter\n")
    on_device.write(on_device.NAME, FOUND, tmp_path)
    on_device.update(page, tmp_path)
    on_device.update(page, tmp_path)  # again and again
    text = page.read_text()
    assert on_device.render(on_device.rounded(FOUND)) in text
    assert "Unmeasured" not in text
    assert text.startswith("before\n<!--")
    assert text.endswith("-->\nafter\n")


@pytest.mark.slow
def test_float32_is_nearly_right():
    found = on_device.precision(16, 3, 1)
    assert 0 < found["error"] < 1e-4
    assert np.isfinite(found["relative_error"])
