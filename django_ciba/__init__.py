"""CIBA for Django: a site's own OpenID Provider for backchannel authentication."""

__version__ = "0.1.0.dev0"
