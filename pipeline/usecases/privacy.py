"""How what comes in is redacted: as the settings say, or as the store has always been."""

from pipeline.config import Settings
from pipeline.errors import ConfigError
from pipeline.ingest.lake import Lake
from pipeline.redaction import SHORTEST_KEY, Mode, Redaction

_MODES: dict[str, Mode] = {"truncate": "truncate", "hash": "hash"}


def fill(lake: Lake, settings: Settings) -> Redaction | None:
    """Make the lake redact what comes in; the first way in which a store is filled is its way for good.

    Raises:
        UsageError: the settings want another way than the store has.
        ConfigError: the key is missing, too short or cannot be read.
        StoreError: the ledger cannot be written.
    """
    lake.redact(_redaction(settings.redact or _own_mode(lake), settings))
    return lake.redaction


def beside(lake: Lake, settings: Settings) -> Redaction | None:
    """How a timeline is redacted that is read beside what the store holds, and not kept: in the store's way.

    Raises:
        ConfigError: the key is missing, too short or cannot be read.
    """
    return _redaction(_own_mode(lake) or settings.redact, settings)


def thrown_away(lake: Lake, settings: Settings) -> Redaction | None:
    """The same for what nobody will read again: without a key."""
    return Redaction("truncate") if settings.redact or _own_mode(lake) else None


def without_store(settings: Settings) -> Redaction | None:
    """How what is recorded outside a store is redacted.

    Raises:
        ConfigError: the key is missing, too short or cannot be read.
    """
    return _redaction(settings.redact, settings)


def _own_mode(lake: Lake) -> Mode | None:
    rule = lake.redaction_rule
    return None if rule is None else _MODES[rule.mode]


def _redaction(mode: Mode | None, settings: Settings) -> Redaction | None:
    if mode is None:
        return None
    return Redaction(mode, _key(settings) if mode == "hash" else b"")


def _key(settings: Settings) -> bytes:
    if settings.redact_key is not None:
        return settings.redact_key.get_secret_value().encode()
    if settings.redact_key_file is None:
        raise ConfigError(
            "redaction by hash needs a key: set FORENSICS_REDACT_KEY, or let FORENSICS_REDACT_KEY_FILE name "
            "a file that holds one (openssl rand -hex 32 makes one); the same key gives the same codes"
        )
    try:
        key = settings.redact_key_file.read_bytes().strip()
    except OSError as problem:
        raise ConfigError(f"{settings.redact_key_file}: cannot be read: {problem.strerror}") from problem
    if len(key) < SHORTEST_KEY:
        raise ConfigError(f"{settings.redact_key_file}: holds no key of at least {SHORTEST_KEY} bytes")
    return key
