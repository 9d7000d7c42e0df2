"""Names that nothing has."""

from __future__ import annotations

import pytest
from service_parts import ServiceParts

from lipsmith.service.errors import NotFound, UnusableAsset


@pytest.mark.parametrize("name", ["", "\x00", "c0\x00", "\ud800", "a" * 10_000])
def test_what_cannot_be_a_name_is_not_found(service: ServiceParts, name: str) -> None:
    account = service.account()
    with pytest.raises(NotFound):
        service.projects.show(account.id, name)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/my-library?videoId=%00",
        "https://example.org/my-library?videoId=",
        "https://example.org/my-library",
        "http://[::1",
        "http://℀.example.org/a.mp4",
        "http://a:99999/a.mp4",
    ],
)
def test_what_is_no_url_of_a_video_is_refused(service: ServiceParts, url: str) -> None:
    account = service.account()
    with service.database.read() as conn, pytest.raises(UnusableAsset, match=r"^assets\.video_file_path: "):
        service.assets.resolve(conn, account.id, url, "video", "assets.video_file_path")
