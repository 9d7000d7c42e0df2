"""Build step: convert the face networks in a published wheel from TensorFlow Lite to ONNX.

It runs when lipsmith is built or installed from its source, and is no part of the installed package.
"""
