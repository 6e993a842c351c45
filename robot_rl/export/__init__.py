"""From a trained actor to one self-contained ONNX file."""
