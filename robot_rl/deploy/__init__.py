"""What runs on the robot: policy, controller, safety. numpy and onnxruntime only."""
