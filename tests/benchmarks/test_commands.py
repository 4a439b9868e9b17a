"""Which benchmarks run in which environment."""

from __future__ import annotations

import configparser

import pytest

from benchmarks.__main__ import BENCHMARKS, MARKS, divided, main
from benchmarks.processes import ROOT

WITH_ALIBI = ["integrated_gradients"]


@pytest.fixture
def setup_cfg():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def test_each_environment_runs_its_own_and_names_the_others():
    others = [name for name in BENCHMARKS if name not in WITH_ALIBI]
    assert divided(BENCHMARKS, ["bench"]) == (others, WITH_ALIBI)
    assert divided(BENCHMARKS, ["alibi"]) == (WITH_ALIBI, others)
    assert divided(["ssim"], ["alibi"]) == ([], ["ssim"])
    assert divided(["ssim"], []) == ([], ["ssim"])


def test_what_tells_an_environment_is_in_its_extra_alone(setup_cfg):
    extras = setup_cfg["options.extras_require"]
    for extra, package in MARKS.items():
        assert extra in BENCHMARKS.values()
        assert [name for name in extras if f"\n{package}>" in extras[name]] == [extra]


def test_an_unknown_name_is_told_with_the_known_ones(capsys):
    with pytest.raises(SystemExit):
        main(["grad_camm"])
    assert "no benchmark is called grad_camm; there are grad_cam, score_cam, attacks" in capsys.readouterr().err


def test_a_benchmark_of_another_environment_is_named_and_not_run(capsys):
    main(["layers", "integrated_gradients"] if not divided(BENCHMARKS)[0] else divided(BENCHMARKS)[1])
    assert "Not in this environment: " in capsys.readouterr().out
