"""Command ``python -m model_conversion``: make the face models in the source folder, if they are not there."""

import sys

from model_conversion.face_models import FOLDER, ModelsUnavailable, make_models

try:
    print("Face models made." if make_models() else f"The face models are up to date: {FOLDER}")
except ModelsUnavailable as error:
    sys.exit(str(error))
