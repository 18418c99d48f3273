"""Beam's options as a user gives them behind `--`, checked before anything runs: Beam itself only warns of a misspelt one."""

from collections.abc import Sequence
from typing import NoReturn

from apache_beam.options.pipeline_options import PipelineOptions, _BeamArgumentParser

from pipeline import forms
from pipeline.data.objects import remote
from pipeline.recipe import Recipe

# Those of Beam's Flink runner that its job server, not the Python SDK, knows (FlinkPipelineOptions, Beam 2.62).
FLINK = [
    "allow_non_restored_state",
    "attached_mode",
    "auto_balance_write_files_sharding_enabled",
    "auto_watermark_interval",
    "checkpoint_timeout_millis",
    "checkpointing_interval",
    "checkpointing_mode",
    "disable_metrics",
    "enable_stable_input_drain",
    "execution_mode_for_batch",
    "execution_retry_delay",
    "externalized_checkpoints_enabled",
    "fail_on_checkpointing_errors",
    "faster_copy",
    "file_input_split_max_size_m_b",
    "finish_bundle_before_checkpointing",
    "flink_conf_dir",
    "flink_master",
    "force_unaligned_checkpoint_enabled",
    "job_check_interval_in_secs",
    "latency_tracking_interval",
    "max_bundle_size",
    "max_bundle_time_mills",
    "max_parallelism",
    "min_pause_between_checkpoints",
    "num_concurrent_checkpoints",
    "number_of_execution_retries",
    "object_reuse",
    "operator_chaining",
    "parallelism",
    "re_iterable_group_by_key_result",
    "report_checkpoint_duration",
    "retain_externalized_checkpoints_on_cancellation",
    "savepoint_path",
    "shutdown_sources_after_idle_ms",
    "state_backend",
    "state_backend_factory",
    "state_backend_storage_path",
    "unaligned_checkpoint_enabled",
    "use_data_stream_for_batch",
]


class OptionError(ValueError):
    """An option that Beam does not have, or not with this value."""


class Parser(_BeamArgumentParser):
    """Beam's parser, which raises where it would end the program."""

    def error(self, message: str) -> NoReturn:
        raise OptionError(f"Beam: {message}")


def check(options: Sequence[str]) -> None:
    """Raise OptionError for the first option that nobody knows."""
    parser = Parser(allow_abbrev=False)
    for kind in {str(one): one for one in PipelineOptions.__subclasses__()}.values():
        kind._add_argparse_args(parser)  # noqa: SLF001  # there is no public way to ask for their names
    known = {name for action in parser._actions for name in action.option_strings} | {  # noqa: SLF001  # see above
        f"--{name}" for name in FLINK
    }
    for option in options:
        name = option.partition("=")[0]
        if option.startswith("-") and name not in known:
            raise OptionError(f"Beam has no option {name}; {forms.suggest(name, sorted(known))}")
    parser.parse_known_args(list(options))


def check_places(options: Sequence[str], recipe: Recipe) -> None:
    """Raise OptionError for a path that the workers of the runner could not see."""
    if "--runner=DataflowRunner" not in options:
        return
    for what, path in [
        *((f"inputs: {one.name}", one.path) for one in recipe.inputs),
        ("output", recipe.output.path),
    ]:
        if not remote(path):
            raise OptionError(
                f"{what}: path {path!r} is on this machine, Dataflow's workers are not; put it under gs:// or s3://"
            )
