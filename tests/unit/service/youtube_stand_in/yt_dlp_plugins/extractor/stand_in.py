"""Takes the place of yt-dlp's own reader of YouTube's pages: the page of a video is a line of JSON that says it all."""

import json

from yt_dlp.extractor.youtube import YoutubeIE
from yt_dlp.utils import ExtractorError


class StandInIE(YoutubeIE, plugin_name="stand_in"):
    def _real_initialize(self):
        pass

    def _real_extract(self, url):
        video = self._match_id(url)
        told = json.loads(self._download_webpage(f"https://www.youtube.com/watch?v={video}", video))
        if "unavailable" in told:
            raise ExtractorError(told["unavailable"], expected=True)
        return {"id": video, "title": "A film", **told}
