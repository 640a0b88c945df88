"""The configuration file.

tables    its tables and keys, with their types, ranges and defaults
checks    rules between keys
read      TOML to a configuration, or an error with file, key, value and what would be right
origins   the lines in which the keys stand
values    the configuration, as the rest of the program gets it
"""

from extauth.config.read import parse_config, read_config
from extauth.config.tables import (
    BackendSection,
    CacheSettings,
    CliSettings,
    ConfigFile,
    Facility,
    HandoverSettings,
    HelperSettings,
    LogSettings,
    MetricsSettings,
    NewSettings,
    ProvisionSettings,
    SaslSettings,
    ThrottleSettings,
)
from extauth.config.values import BackendConfig, Config, ConfigSource

__all__ = [
    "BackendConfig",
    "BackendSection",
    "CacheSettings",
    "CliSettings",
    "Config",
    "ConfigFile",
    "ConfigSource",
    "Facility",
    "HandoverSettings",
    "HelperSettings",
    "LogSettings",
    "MetricsSettings",
    "NewSettings",
    "ProvisionSettings",
    "SaslSettings",
    "ThrottleSettings",
    "parse_config",
    "read_config",
]
