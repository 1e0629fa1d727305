"""The timeline sources. Adding one: its module here, one fixture page, one test."""

from pipeline.timeline import (
    autoscaling,
    cloudtrail,
    cloudwatch,
    collection,
    ec2,
    elbv2,
    eventbridge,
    kubernetes,
)
from pipeline.timeline.base import Source

SOURCES: tuple[Source, ...] = (
    *(autoscaling, ec2, elbv2, cloudtrail, cloudwatch, eventbridge, kubernetes),
    collection,
)
