"""Networks close with their owner: a program that makes a thousand videos needs no more memory than for one."""

from __future__ import annotations

import gc

import numpy as np

from lipsmith.engines.mediapipe_face import MediapipeFaceFinder, mesh_triangles
from lipsmith.media.clip import Image


def test_networks_are_closed_with_their_finder(astronaut: np.ndarray) -> None:
    mesh_triangles()  # imports mediapipe, whose first import keeps the frames of its callers alive
    finder = MediapipeFaceFinder()
    assert len(finder.find(Image(rgb=astronaut, grey=False))) == 1
    networks = [finder._mesh, finder._detector]
    assert all(network._graph is not None for network in networks)
    del finder
    gc.collect()
    assert [network._graph for network in networks] == [None, None]


def test_the_network_of_a_clip_is_closed_after_it(astronaut: np.ndarray) -> None:
    mesh = MediapipeFaceFinder().mesh_in_motion()
    [network] = [cell.cell_contents for cell in mesh.__closure__ or ()]
    assert mesh(np.ascontiguousarray(astronaut[:320, 64:384])) is not None
    assert network._graph is not None
    del mesh
    gc.collect()
    assert network._graph is None
