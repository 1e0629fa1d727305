"""Which instances EC2 may take back, and which it says it took."""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Spot:
    """Instance ids.

    Attributes:
        leased: of Spot instances, as EC2 shows them; and of those that EC2 shows no more, where all that it
            shows of their Auto Scaling group are.
        reclaimed: terminated ones of which EC2 says that it took them (it does not say when).
    """

    leased: list[str]
    reclaimed: list[str]


def spot_instances(events: pl.DataFrame, settings: pl.DataFrame) -> Spot:
    """What settings of instances tell about Spot.

    Args:
        events: rows of `events`.
        settings: rows of `settings`.
    """
    shown = settings.filter(
        (pl.col("source") == "ec2") & pl.col("resource").str.starts_with("instance/")
    ).select(pl.col("resource").str.strip_prefix("instance/").alias("instance_id"), "setting", "value")
    state = shown.filter(pl.col("setting") == "state")
    reclaimed = state.filter(pl.col("value").str.contains("Spot", literal=True))["instance_id"]
    lifecycle = shown.filter(pl.col("setting") == "lifecycle").select("instance_id", "value")
    members = events.select("asg_name", "instance_id").drop_nulls().unique()
    known = members.join(lifecycle, on="instance_id", how="left").with_columns(
        (pl.col("value") == "spot").all().over("asg_name").alias("only_spot"),
        pl.col("value").is_not_null().any().over("asg_name").alias("seen"),
    )
    of_groups = known.filter("only_spot", "seen", pl.col("value").is_null())["instance_id"]
    own = lifecycle.filter(pl.col("value") == "spot")["instance_id"]
    return Spot(sorted({*own, *of_groups}), sorted(reclaimed))
