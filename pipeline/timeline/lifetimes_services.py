"""Which service a pod belongs to: by endpoints that name it, else by selectors, else by its siblings."""

import json
from collections import defaultdict

import polars as pl

_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"
_HASHES = rf"{_RANDOM}{{1,10}}-{_RANDOM}{{5}}|[0-9a-f]{{6,10}}-[0-9a-z]{{5}}"
_STEM = rf"^(.+?)-(?:{_HASHES}|{_RANDOM}{{5}}|\d+)$"
"""Pod name without what a ReplicaSet, DaemonSet or StatefulSet adds to it."""
_OWN_LABELS = frozenset(
    {
        "pod-template-hash",
        "controller-revision-hash",
        "pod-template-generation",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
    }
)
"""Labels by which pods of one workload differ."""


def with_services(pods: pl.DataFrame, settings: pl.DataFrame) -> pl.DataFrame:
    """Pods with their ``service``; one already known is kept.

    Args:
        pods: rows with ``pod_uid``, ``pod_name`` and ``service``.
        settings: rows of `settings`; those on ``pod/…`` and ``service/…`` are used.
    """
    known = _services_by_pod(settings)
    by_uid, by_name = known.rename({"pod": "pod_uid"}), known.rename({"pod": "pod_name"})
    pods = pods.join(by_uid, on="pod_uid", how="left", suffix="_uid", maintain_order="left")
    pods = pods.join(by_name, on="pod_name", how="left", suffix="_name", maintain_order="left")
    found = pl.coalesce("service", "service_uid", "service_name")
    pods = pods.with_columns(found.alias("service")).drop("service_uid", "service_name")
    return _by_siblings(pods, settings)


def resolve_services(events: pl.DataFrame, settings: pl.DataFrame) -> pl.DataFrame:
    """Events with ``service`` filled for those about pods, in the order and schema given."""
    columns = events.columns
    about_pods = pl.col("pod_name").is_not_null() | pl.col("pod_uid").is_not_null()
    numbered = events.with_row_index("position_")
    pods = with_services(numbered.filter(about_pods), settings)
    return pl.concat([pods, numbered.filter(~about_pods)]).sort("position_").select(columns)


def _services_by_pod(settings: pl.DataFrame) -> pl.DataFrame:
    """One service per pod key (uid or namespace/name); endpoints win over selectors."""
    of_pods = settings.filter(pl.col("resource").str.starts_with("pod/")).with_columns(
        pl.col("resource").str.strip_prefix("pod/").alias("pod")
    )
    ranks = _service_ranks(settings)
    told = of_pods.filter(pl.col("setting") == "service").select("pod", pl.col("value").alias("service"))
    selected = _selected(of_pods, settings)
    both = pl.concat([told.with_columns(pl.lit(0).alias("by")), selected.with_columns(pl.lit(1).alias("by"))])
    both = both.join(ranks, on="service", how="left").with_columns(pl.col("rank").fill_null(9))
    return (
        both.sort("pod", "by", "rank", "service")
        .unique("pod", keep="first", maintain_order=True)
        .select("pod", "service")
    )


def _service_ranks(settings: pl.DataFrame) -> pl.DataFrame:
    """Services that a load balancer reaches come before those that only the cluster reaches."""
    services = settings.filter(pl.col("resource").str.starts_with("service/"))
    setting, value = pl.col("setting"), pl.col("value")
    rank = (
        pl.when(setting == "target_group_arn").then(0)
        .when((setting == "type") & value.is_in(["NodePort", "LoadBalancer"])).then(1)
        .otherwise(2)
    )  # fmt: skip
    name = pl.col("resource").str.strip_prefix("service/").alias("service")
    return services.select(name, rank.alias("rank")).group_by("service").agg(pl.col("rank").min())


def _selected(of_pods: pl.DataFrame, settings: pl.DataFrame) -> pl.DataFrame:
    """Pods whose labels hold everything that a service of their namespace selects."""
    name = of_pods.filter(pl.col("setting") == "name").select(
        "pod", pl.col("value").str.extract("^([^/]+)/").alias("namespace")
    )
    labels = of_pods.filter(pl.col("setting") == "labels").select("pod", pl.col("value").alias("labels"))
    pods = labels.unique().join(name.unique(), on="pod")
    kinds = pods.select("namespace", "labels").unique()
    selectors = _selectors(settings)
    matches = [
        {"namespace": namespace, "labels": text, "service": service}
        for namespace, text in kinds.iter_rows()
        for service, selector in selectors.get(namespace, [])
        if selector <= _pairs(text)
    ]
    schema = {"namespace": pl.String, "labels": pl.String, "service": pl.String}
    return pods.join(pl.DataFrame(matches, schema=schema), on=["namespace", "labels"]).select(
        "pod", "service"
    )


def _selectors(settings: pl.DataFrame) -> dict[str, list[tuple[str, frozenset[tuple[str, str]]]]]:
    """Selectors by namespace; one that selects nothing is left out."""
    chosen = pl.col("resource").str.starts_with("service/") & (pl.col("setting") == "selector")
    found = defaultdict(list)
    for resource, value in (
        settings.filter(chosen).select("resource", "value").unique().sort("resource", "value").iter_rows()
    ):
        service = resource.removeprefix("service/")
        selector = _pairs(value)
        if selector:
            found[service.partition("/")[0]].append((service, selector))
    return dict(found)


def _pairs(text: str) -> frozenset[tuple[str, str]]:
    """Labels as pairs. Exporters write ``_`` for ``.`` in keys, so both are compared as ``_``."""
    try:
        value = json.loads(text)
    except ValueError:
        return frozenset()
    items = value.items() if isinstance(value, dict) else ()
    return frozenset((key.replace(".", "_"), str(item)) for key, item in items)


def _by_siblings(pods: pl.DataFrame, settings: pl.DataFrame) -> pl.DataFrame:
    """Pods that no endpoint names any more belong where all pods of like labels, or of like name, belong."""
    pods = pods.with_columns(pl.col("pod_name").str.extract(_STEM).alias("stem_"))
    pods = pods.join(_likeness(settings), on="pod_uid", how="left", maintain_order="left")
    for sibling in ("like_", "stem_"):
        known = pods.drop_nulls([sibling, "service"]).group_by(sibling)
        agreed = known.agg(
            pl.col("service").min().alias("sibling_"), pl.col("service").n_unique().alias("count_")
        )
        agreed = agreed.filter(pl.col("count_") == 1).drop("count_")
        pods = pods.join(agreed, on=sibling, how="left", maintain_order="left")
        pods = pods.with_columns(pl.coalesce("service", "sibling_").alias("service")).drop("sibling_")
    return pods.drop("stem_", "like_")


def _likeness(settings: pl.DataFrame) -> pl.DataFrame:
    """Namespace and labels of each pod uid, without the labels that are its own, as one text."""
    of_pods = settings.filter(pl.col("resource").str.starts_with("pod/")).select(
        pl.col("resource").str.strip_prefix("pod/").alias("pod_uid"), "setting", "value"
    )
    names = (
        of_pods.filter(pl.col("setting") == "name")
        .group_by("pod_uid")
        .agg(pl.col("value").min().alias("name"))
    )
    labels = of_pods.filter(pl.col("setting") == "labels").group_by("pod_uid").agg(pl.col("value").max())
    texts = labels["value"].unique().to_list()
    common = pl.DataFrame(
        {"value": texts, "common": [_common(text) for text in texts]},
        schema={"value": pl.String, "common": pl.String},
    )
    namespace = pl.col("name").str.extract("^([^/]+)/")
    rows = labels.join(names, on="pod_uid").join(common, on="value")
    return rows.select("pod_uid", pl.format("{} {}", namespace, pl.col("common")).alias("like_"))


def _common(text: str) -> str | None:
    """Labels as sorted text without those that are a pod's own; None where nothing is left."""
    own = {label.replace(".", "_") for label in _OWN_LABELS}
    pairs = sorted(pair for pair in _pairs(text) if pair[0] not in own)
    return json.dumps(pairs) if pairs else None
