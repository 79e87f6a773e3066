"""Checks of what this machine alone can tell: the settings, and the keys that tokens are verified with."""

from __future__ import annotations

from worker import exposure
from worker.key_sets import KeySetFile
from worker.operating import findings
from worker.operating.findings import Finding
from worker.settings import Settings, SettingsError


def unusable(error: SettingsError) -> list[Finding]:
    """Say a sentence for each mistake in the environment."""
    remedy = "Set it as the README's table of settings says, or start a local stack with `basketry up`."
    return [findings.wrong("settings", line, remedy) for line in str(error).splitlines()]


def keys(settings: Settings) -> Finding:
    """Whether tokens can be verified; a key set that is broken stops a worker from starting."""
    if settings.jwks_file is None:
        return findings.ok("token keys", "BASKETRY_JWT_SECRET is set")
    try:
        KeySetFile(settings.jwks_file)
    except SettingsError as error:
        remedy = "Put the public keys of your login there; workers that run keep the keys they have read."
        return findings.wrong("token keys", str(error), remedy, "a-process-is-down")
    both = " and BASKETRY_JWT_SECRET is set" if settings.jwt_secret is not None else ""
    return findings.ok("token keys", f"{settings.jwks_file} holds usable keys{both}")


def protection(settings: Settings) -> Finding:
    """Whether what goes to a server elsewhere is encrypted, and the server is known to be the right one."""
    sentences = exposure.sentences(settings)
    if sentences:
        remedy = "Do that, unless the network itself is protected: deploy/SECURITY.md."
        return findings.warning("protection", " ".join(sentences), remedy)
    return findings.ok("protection", "servers are here, or reached with TLS and a checked name")
