"""The connection to a DICOMweb service (DICOM PS3.18), and its errors as the user should read them.

Only the address that the user gave is talked to: no proxy of the environment, no redirect to elsewhere. The
login, if one is needed, is in the environment variables that `USER` and `PASSWORD` name.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import InputError
from .quiet import quietly

if TYPE_CHECKING:
    from dicomweb_client import DICOMwebClient

USER, PASSWORD = "LYMPHNODESEG_DICOMWEB_USER", "LYMPHNODESEG_DICOMWEB_PASSWORD"
CONNECT_SECONDS, ANSWER_SECONDS = 10.0, 120.0

MALFORMED = (ValueError, KeyError, TypeError, AttributeError, EOFError, NotImplementedError, struct.error)
"""What dicomweb-client and pydicom raise on bytes that are not what they should be."""


def connect(url: str) -> DICOMwebClient:
    """A client for a DICOMweb service; talks to nobody yet.

    Args:
        url: Its root, such as http://localhost:8042/dicom-web.

    Raises:
        InputError: this is no such address, or it has a login in it.
    """
    import requests
    from dicomweb_client import DICOMwebClient

    parts = urlsplit(url)
    if parts.username or parts.password:
        raise InputError(f"Put no login into the address: set {USER} and {PASSWORD} in the environment.")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise InputError(
            "This is no address of a DICOMweb service: give one like http://localhost:8042/dicom-web."
        )
    for name in ("dicomweb_client", "urllib3"):  # they log requests, in which a PatientID may stand
        logging.getLogger(name).setLevel(logging.CRITICAL)
    session = requests.Session()
    # Neither proxies nor logins that lie about in the environment; a hospital's own certificates are needed.
    session.trust_env = False
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
    session.max_redirects = 0
    if os.environ.get(USER):
        login = (os.environ[USER].encode(), os.environ.get(PASSWORD, "").encode())  # as text: Latin-1 only
        session.auth = login  # type: ignore[assignment]
    client = DICOMwebClient(
        url.rstrip("/"),
        session=session,
        callback=_without_media_type_parameters,
        permissive_uid=True,
        timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
    )
    client.set_http_retry_params(retry=False)  # a body sent in chunks would be empty the second time
    return client


def _without_media_type_parameters(response: Any, *args: Any, **kwargs: Any) -> None:
    """Let dicomweb-client see JSON in "application/dicom+json; charset=utf-8" too."""
    kind = response.headers.get("Content-Type", "")
    if "json" in kind:
        response.headers["Content-Type"] = kind.partition(";")[0].strip()


@contextmanager
def errors_told(url: str) -> Iterator[None]:
    """Say in one line what went wrong between here and the server.

    Raises:
        InputError: something did.
    """
    import requests
    from pydicom.errors import InvalidDicomError

    try:
        with quietly():
            yield
    except requests.HTTPError as error:
        status = 0 if error.response is None else error.response.status_code
        raise InputError(_status_told(url, status)) from None
    except requests.TooManyRedirects:
        raise InputError(f"{url} points to another address: give that one.") from None
    except requests.exceptions.SSLError:
        raise InputError(
            f"The certificate of {url} is not trusted: name your own authority's in REQUESTS_CA_BUNDLE."
        ) from None
    except requests.Timeout:
        raise InputError(f"The server at {url} does not answer: try again later.") from None
    except requests.ConnectionError:
        raise InputError(
            f"No server can be reached at {url}: check the address, and that the server runs."
        ) from None
    except (requests.RequestException, InvalidDicomError, *MALFORMED):
        raise InputError(
            f"What {url} answers is not DICOMweb: give the root of the service, often .../dicom-web."
        ) from None


def _status_told(url: str, status: int) -> str:
    if status in (401, 403):
        how = "change" if os.environ.get(USER) else "set"
        return f"The server at {url} wants another login (status {status}): {how} {USER} and {PASSWORD}."
    if status in (404, 405):
        return f"There is no such thing at {url} (status {status}): check the address, often .../dicom-web."
    if status >= 500:
        return f"The server at {url} failed (status {status}): see its log, or ask who runs it."
    return f"The server at {url} refuses this (status {status}): check the address and what was asked."
