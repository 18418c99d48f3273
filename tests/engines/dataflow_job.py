"""The job that Dataflow would get, as JSON: `python tests/engines/dataflow_job.py FOLDER`, where `winnow[dataflow]` is installed.

FOLDER holds the world. Nothing is sent: this is a dry run of Beam's Dataflow runner, and then what it adds to the request.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.io.gcp import gcsio
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.dataflow.internal import apiclient

from pipeline import flow
from pipeline.comparisons.exchange import Exchange
from pipeline.engines.options import check
from pipeline.run.driver import Settings, prepare
from tests import world

OPTIONS = [
    "--runner=DataflowRunner",
    "--project=my-project",
    "--region=europe-west1",
    "--temp_location=gs://my-bucket/tmp",
    "--job_name=winnow",
    "--sdk_container_image=europe-docker.pkg.dev/my-project/winnow/winnow:1",
    "--worker_machine_type=n2-standard-8",
    "--max_num_workers=50",
    "--disk_size_gb=200",
    "--no_auth",
    "--dry_run=True",
]
VOLATILE = ("capabilities", "userAgent", "clientRequestId", "sdkPipelineOptions", "pipelineProtoHash")


def made(folder: Path) -> dict[str, Any]:
    """{"job", "stages", "request_bytes", "pipeline_bytes"}: the request without what differs between runs and versions."""
    check(OPTIONS)
    gcsio.GcsIO.is_soft_delete_enabled = lambda *_: False  # it would ask the bucket
    work = prepare(world.recipe(folder), Settings(exchange="engine")).work
    root = beam.Pipeline(options=PipelineOptions(OPTIONS, save_main_session=False))
    flow.Flow(work, "plan/a-plan.json", Exchange(work.store, "engine")).build(root)
    job = root.run().job
    job.proto.environment = apiclient.Environment(
        proto_pipeline_staged_url="gs://my-bucket/tmp/pipeline.pb", packages=[], options=job.options,
        environment_version="1", proto_pipeline=job.proto_pipeline, pipeline_proto_hash="",
    ).proto  # fmt: skip
    transforms = job.proto_pipeline.components.transforms.values()
    return {
        "job": stripped(json.loads(re.sub(r"winnow\.\d+\.\d+", "winnow.TIME", job.json()))),
        "stages": sorted(one.unique_name for one in transforms if one.unique_name.count("/") <= 1),
        "images": sorted(
            {environment_image(one) for one in job.proto_pipeline.components.environments.values()}
        ),
        "request_bytes": len(job.json()),
        "pipeline_bytes": job.proto_pipeline.ByteSize(),
    }


def environment_image(environment: Any) -> str:
    return beam_runner_api_pb2.DockerPayload.FromString(environment.payload).container_image


def stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: stripped(one) for name, one in sorted(value.items()) if name not in VOLATILE}
    return [stripped(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    json.dump(made(Path(sys.argv[1])), sys.stdout, indent=1)
