"""Build hook of hatchling: make the face models before a wheel is built or an editable installation is made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FaceModelsHook(BuildHookInterface[Any]):
    """Puts the models into the source folder, from which hatchling takes them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the models if they are missing. Ends the build with a message if that is impossible."""
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
        from model_conversion.face_models import ModelsUnavailable, make_models

        try:
            if make_models():
                self.app.display_info("Face models converted.")
        except ModelsUnavailable as error:
            raise SystemExit(f"\n{error}\n") from None
