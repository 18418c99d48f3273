"""A misspelt option of Beam stops before anything runs."""

import pytest

from pipeline.engines.options import OptionError, check


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
