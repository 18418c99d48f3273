"""A misspelt option of Beam stops before anything runs; the others are parsed once."""

import apache_beam as beam
import pytest
from apache_beam.options import pipeline_options
from apache_beam.options.pipeline_options import DirectOptions, StandardOptions

from pipeline.engines.options import OptionError, check
from pipeline.flow import Options


def test_options_of_beam_and_of_its_flink_runner_are_known():
    check(
        [
            "--runner=FlinkRunner",
            "--parallelism=4",
            "--execution_mode_for_batch=BATCH_FORCED",
            "--flink_master",
            "host:8081",
        ]
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--runer=FlinkRunner"], "Beam has no option --runer; did you mean '--runner'?"),
        (
            ["--parallelism=4", "--paralelism=4"],
            "Beam has no option --paralelism; did you mean '--parallelism'?",
        ),
        (["--direct_num_workers=two"], "Beam: argument --direct_num_workers: invalid int value: 'two'"),
    ],
)
def test_others_are_refused_with_the_nearest(options: list[str], said: str):
    with pytest.raises(OptionError) as caught:
        check(options)
    assert said in str(caught.value)


def test_a_view_of_the_options_shows_what_is_changed_through_another():
    options = Options(["--runner=FnApiRunner", "--direct_num_workers=2"])
    assert options.view_as(DirectOptions).direct_num_workers == 2
    options.view_as(StandardOptions).runner = "FlinkRunner"
    assert options.view_as(StandardOptions).runner == options.get_all_options()["runner"] == "FlinkRunner"


def test_a_graph_parses_each_group_of_options_once(monkeypatch: pytest.MonkeyPatch):
    made: list[str] = []
    parser = pipeline_options._BeamArgumentParser  # what takes the seconds

    class Counted(parser):
        def __init__(self, **given: object) -> None:
            super().__init__(**given)
            made.append("")

    monkeypatch.setattr(pipeline_options, "_BeamArgumentParser", Counted)
    counts = []
    for steps in (1, 50):
        made.clear()
        root = beam.Pipeline(options=Options(["--runner=FnApiRunner"], save_main_session=False))
        found = root | beam.Create([1])
        for step in range(steps):
            found |= f"{step}" >> beam.Map(lambda one: one)
        counts.append(len(made))
    assert counts[0] == counts[1]
